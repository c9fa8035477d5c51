"""Draws the paintings of ``impasto.samples``: a small procedural painter with brush and palette."""
