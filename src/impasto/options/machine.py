"""Options of the machine: the device, the arithmetic precision, and the VGG-19 weights."""

from __future__ import annotations

import re

from impasto.errors import OptionsError
from impasto.options.checked import quoted

PRECISIONS = ("auto", "float32", "tf32", "bfloat16")
WEIGHTS = ("auto", "original", "torchvision")


def check_device(device: str) -> None:
    """Raise `OptionsError` for an invalid device name."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9][0-9]?))?", device, re.ASCII):
        raise OptionsError(f"--device must be auto, cpu, cuda, cuda:N or mps, got {quoted(device)}")
