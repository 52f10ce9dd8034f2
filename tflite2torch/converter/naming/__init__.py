"""Names of a module's parts, variables, inputs and outputs."""
