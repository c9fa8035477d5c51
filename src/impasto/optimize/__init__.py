"""Optimisation of pixels: what sizes, which moves, and the engine that makes them."""
