"""The choice of device and of arithmetic precision."""

from __future__ import annotations

import contextlib
import ctypes
import gc

import torch

from impasto.errors import OptionsError


def choose_device(name: str) -> torch.device:
    """Return the device called ``name``; "auto" is CUDA, else MPS, else the CPU.

    Raises `OptionsError` if that device is not available.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            found = f"PyTorch sees {count} CUDA devices" if count else "PyTorch sees no CUDA device"
            raise OptionsError(f"--device {name}: {found}; use --device auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise OptionsError("--device mps: PyTorch sees no MPS device; use --device auto or cpu")
    return device


def has_native_bfloat16(device: torch.device) -> bool:
    """Return whether the device computes convolutions faster in bfloat16 than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        return bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    return False


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the data type of the convolutions; "auto" is bfloat16 where the device supports it.

    "tf32" is float32 that lets NVIDIA GPUs round the factors to ten bits; any other name forbids
    it. The setting applies to the whole process. Raises `OptionsError` for tf32 on other devices.
    """
    if name == "tf32" and device.type != "cuda":
        raise OptionsError(f"--precision tf32 needs a CUDA device, got {device.type}: use float32")
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    if name == "bfloat16" or (name == "auto" and has_native_bfloat16(device)):
        return torch.bfloat16
    return torch.float32


def keep_freed_memory() -> None:
    """Make the C library reuse freed memory instead of mapping new memory at every step.

    With glibc this saves 6% of a step at 640x480; with other libraries it does nothing. The setting
    applies to the whole process and can raise its peak memory. So only the code that owns the
    process should call it, and only if there is enough memory.
    """
    trim_threshold, mmap_max = -1, -4  # malloc.h
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(mmap_max, 0)
        library.mallopt(trim_threshold, 2**31 - 1)


def give_back_memory() -> None:
    """Give back to the system what a painting freed, or the next ones would find less room.

    Six paintings of 400 pixels leave 1.3 GB with the C library, of which 0.4 are in use.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
