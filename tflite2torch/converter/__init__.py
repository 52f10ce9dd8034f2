"""TFLite in, PyTorch source and weights out; needs numpy, never torch."""
