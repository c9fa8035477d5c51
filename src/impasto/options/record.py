"""What is kept of the way to a picture, and of work that may be interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionsError
from impasto.options.checked import Checked, option


@dataclass(frozen=True, kw_only=True)
class RecordOptions(Checked):
    """What is kept of the way to the picture."""

    save_every: int = option(10, "Steps from one picture of --frames to the next.")
    frames: Path | None = option(None, "Folder for a picture every --save-every steps.")
    timelapse: Path | None = option(None, "Time-lapse: a .gif, .webp or .mp4 file.")
    log: Path | None = option(None, "Losses of every step, a JSON object a line (.jsonl).")
    plot: Path | None = option(None, "Picture of the losses over the steps (.png, .svg, .pdf).")

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("frames", "timelapse", "log", "plot"):
            self._path(name)
        self._integer("save_every", 1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions(Checked):
    """How work survives an interruption."""

    checkpoint: Path | None = option(
        None, "Keep the state of the work in this file, so that --resume can go on."
    )
    checkpoint_every: float = option(60.0, "Seconds from one checkpoint to the next.")
    resume: bool = option(False, "Go on from the checkpoint of an interrupted run.")
    restart: bool = option(False, "Begin anew, and replace the checkpoint of an earlier run.")

    def __post_init__(self) -> None:
        """Check the values."""
        self._path("checkpoint")
        self._number("checkpoint_every", 0)
        self._boolean("resume")
        self._boolean("restart")
        if self.resume and self.restart:
            raise OptionsError("--resume goes on, --restart begins anew: give one of them")
