"""What tests share: tiny models made on the spot, and TFLite's answers to them."""
