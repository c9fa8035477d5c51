"""Records of a run: a log of the losses, frames, a time-lapse, and a plot.

Importing this package does not import matplotlib, PyAV or torch. The first two are imported
when a plot or an .mp4 is written.
"""

from impasto.events import Losses
from impasto.record.recorder import Recorder

__all__ = ["Losses", "Recorder"]
