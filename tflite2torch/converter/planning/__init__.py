"""The classes of a module: constructor arguments, names of parts, and state_dict keys."""
