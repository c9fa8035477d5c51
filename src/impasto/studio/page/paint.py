"""Paint: a job in the queue, and the settings of one that is to be made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from impasto.options.paint import QUALITIES
from impasto.studio.jobs import Job
from impasto.studio.page.desk import Desk, Unable
from impasto.studio.requests import PaintRequest
from impasto.studio.validation import accept_paint

MOST_PAINTINGS = 4


def begin(
    desk: Desk, owner: str, photo: str, paintings: list[str], settings: Mapping[str, Any]
) -> Job:
    """Order a painting. Raises `Unable`, `KeyError`, `QueueFull`, `ImpastoError`."""
    if not paintings:
        raise Unable("Choose a painting first, or add one of yours.")
    if len(paintings) > MOST_PAINTINGS:
        raise Unable(f"{MOST_PAINTINGS} paintings are the most.")
    order = PaintRequest.of(
        {
            "strength": settings["strength"],
            "color": settings["color"],
            "size": int(settings["size"]),
            "style_scale": settings["stroke"],
            "quality": settings["quality"],
        }
    )
    find = desk.sources.data
    data = find(owner, photo)
    styles = [find(owner, painting) for painting in paintings]
    return accept_paint(desk.studio, owner, data, styles, order)


def settings_of(job: Job) -> dict[str, Any]:
    """Return what the page's controls are to say for a painting to be made again.

    An order by the API may have a number of steps: then the nearest word for it.
    """
    order = PaintRequest.of(job.request)
    steps = order.options().total_steps
    return {
        "strength": order.strength,
        "color": order.color,
        "size": order.paint.get("size", order.options().size),
        "stroke": order.paint.get("style_scale", 1.0),
        "quality": min(QUALITIES, key=lambda word: abs(QUALITIES[word] - steps)),
    }


def paintings_of(desk: Desk, job: Job) -> list[dict[str, str]]:
    """Return a job's paintings, as the page's part for them has them."""
    names = [name for name in desk.studio.files.names(job.id) if name.startswith("style-")]
    return [
        {"source": f"style:{job.id}:{number}", "name": f"painting {number + 1}"}
        for number in range(len(names))
    ]
