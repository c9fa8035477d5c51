"""Trains transfer networks on paintings with perceptual losses (Johnson et al. 2016)."""
