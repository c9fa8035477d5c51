"""Making transfer networks from paintings with perceptual losses (Johnson et al. 2016)."""
