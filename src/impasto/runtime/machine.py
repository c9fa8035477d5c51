"""What this machine, or its container, has to give: processors and memory. Without PyTorch."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def processors() -> int:
    """Return how many of the processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def resident() -> int:
    """Return the bytes of memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def available() -> int:
    """Return the bytes that this process can still get: of the machine, or of its container."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        cached = _page_cache((_CGROUP / "memory.stat").read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return free
    return max(0, min(free, limit - used + cached))


def _page_cache(stat: str) -> int:
    """Return the bytes of files in memory that the kernel gives up when it is asked for more."""
    numbers = dict(line.split() for line in stat.splitlines())
    files = sum(int(numbers.get(name, 0)) for name in ("active_file", "inactive_file"))
    busy = sum(int(numbers.get(name, 0)) for name in ("file_dirty", "file_writeback"))
    return max(0, files - busy)
