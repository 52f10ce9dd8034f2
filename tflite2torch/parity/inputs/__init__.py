"""What both sides of a comparison are fed."""
