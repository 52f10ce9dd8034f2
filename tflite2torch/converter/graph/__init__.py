"""The neutral graph: values, nodes that mean what torch means, and the graph of both."""
