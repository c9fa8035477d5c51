"""Networks: the VGG-19 that sees, and later the networks that paint in one pass."""
