"""Trained networks: packs of styles, where packs are stored, and the paintings behind them."""
