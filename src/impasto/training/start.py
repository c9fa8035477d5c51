"""What a training begins with."""

from __future__ import annotations

from impasto.errors import OptionsError
from impasto.options import MODELS
from impasto.training.slim import slimmed
from impasto.zoo.pack import Pack
from impasto.zoo.registry import find, shipped

AUTO, NONE = "auto", "none"


def started(begin: str, model: str, teacher: Pack | None = None) -> Pack | None:
    """Return the pack to begin with, or None for nothing.

    ``begin`` is a pack, said as `zoo.registry.find` takes it; ``"none"``; or ``"auto"``: the
    strongest channels of the teacher, else the network of that size that ships, if one does.
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
