"""Trained networks: what a pack of styles is, where packs are, whose paintings they follow."""
