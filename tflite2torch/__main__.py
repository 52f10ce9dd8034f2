"""``python -m tflite2torch``: the command line."""

from tflite2torch.cli import main

main()
