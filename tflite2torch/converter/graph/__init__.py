"""The neutral graph, which knows no file format: values, and nodes with torch's semantics."""
