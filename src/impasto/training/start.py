"""The initial weights of a training."""

from __future__ import annotations

from impasto.errors import OptionsError
from impasto.options import MODELS
from impasto.training.slim import slimmed
from impasto.zoo.pack import Pack
from impasto.zoo.registry import find, shipped

AUTO, NONE = "auto", "none"


def started(begin: str, model: str, teacher: Pack | None = None) -> Pack | None:
    """Return the pack to start from, or None to start from scratch.

    ``begin`` is a pack as for `zoo.registry.find`; ``"none"``; or ``"auto"``: the strongest
    channels of the teacher, else the bundled network of that size, if there is one.
    """
    if begin == NONE:
        return None
    if begin != AUTO:
        return find(begin)
    if teacher is not None:
        if teacher.card.architecture not in MODELS:
            raise OptionsError(f"--teacher {teacher.name}: was not made by impasto train")
        return slimmed(teacher, model)
    return shipped(model)
