"""A .tflite, .task, .whl or folder in; verified models, and their graphs, out."""
