"""What parts, variables, inputs and outputs of a module are called."""
