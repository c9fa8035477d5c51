"""Stylising a picture with a trained network: back ends, tiles, strength, colour."""
