"""One folder for each file format: bytes are verified, read, and lowered to the neutral graph."""
