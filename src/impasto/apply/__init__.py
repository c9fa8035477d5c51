"""Stylises pictures with a trained network: back ends, tiles, strength, colour."""
