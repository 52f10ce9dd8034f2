"""TFLite's ``.tflite`` files: reader, verifier, operators and lowering."""
