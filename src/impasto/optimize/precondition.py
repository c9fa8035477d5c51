"""Preconditioners: which directions a step should favour."""

from __future__ import annotations

from collections.abc import Callable

from impasto.lazy import Tensor, torch


def by_frequency(
    height: int, width: int, power: float, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """Return P = FFT⁻¹ diag(1 / f^(2 · power)) FFT for pictures (1, c, height, width).

    Moves the picture as if it were optimised in Fourier space with amplitudes scaled by
    1 / f^power (Olah et al. 2017, Feature Visualization, "preconditioning"): natural pictures
    have such spectra, and the loss is stiffest at high frequencies. f is in cycles per pixel,
    bounded below by one cycle per picture. P works in place to save memory.
    """
    fy = torch.fft.fftfreq(height, device=device)[:, None]
    fx = torch.fft.rfftfreq(width, device=device)[None, :]
    f = (fy.square() + fx.square()).sqrt().clamp_min(1 / max(height, width))
    gain = f.pow(-2 * power)
    gain = gain / gain.mean()

    def precondition(gradient: Tensor) -> Tensor:
        for channel in gradient.unbind(dim=1):  # one at a time, to save memory
            spectrum = torch.fft.rfft2(channel).mul_(gain)
            channel.copy_(torch.fft.irfft2(spectrum, s=(height, width)))
        return gradient

    return precondition
