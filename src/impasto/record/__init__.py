"""What is kept of the way to a picture: a log, frames, a time-lapse and a plot of the losses.

Importing this package imports none of matplotlib, PyAV and torch: the first two are imported
when a plot or an .mp4 is written.
"""

from impasto.events import Losses
from impasto.record.recorder import Recorder

__all__ = ["Losses", "Recorder"]
