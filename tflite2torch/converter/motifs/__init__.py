"""The motifs that blocks are recognized as."""
