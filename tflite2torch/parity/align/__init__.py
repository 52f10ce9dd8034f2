"""Lines the operations of a module up with the tensors of the model that it came from."""
