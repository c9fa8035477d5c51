"""What to record while painting, and how to survive interruptions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionsError
from impasto.options.checked import Checked, option


@dataclass(frozen=True, kw_only=True)
class RecordOptions(Checked):
    """What to record while painting."""

    save_every: int = option(10, "Steps between the pictures of --frames.")
    frames: Path | None = option(None, "Folder for a picture every --save-every steps.")
    timelapse: Path | None = option(None, "Time-lapse: a .gif, .webp or .mp4 file.")
    log: Path | None = option(None, "Losses of every step, one JSON object per line (.jsonl).")
    plot: Path | None = option(None, "Plot of the losses over the steps (.png, .svg, .pdf).")

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("frames", "timelapse", "log", "plot"):
            self._path(name)
        self._integer("save_every", 1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions(Checked):
    """How a run survives interruptions."""

    checkpoint: Path | None = option(
        None, "Save the state of the run in this file, so that --resume can continue it."
    )
    checkpoint_every: float = option(60.0, "Seconds between checkpoints.")
    resume: bool = option(False, "Continue an interrupted run from its checkpoint.")
    restart: bool = option(False, "Start over, and replace the checkpoint of an earlier run.")

    def __post_init__(self) -> None:
        """Check the values."""
        self._path("checkpoint")
        self._number("checkpoint_every", 0)
        self._boolean("resume")
        self._boolean("restart")
        if self.resume and self.restart:
            raise OptionsError("--resume and --restart exclude each other; give one of them")
