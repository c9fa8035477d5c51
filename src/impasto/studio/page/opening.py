"""What the page shows when it opens, and when something of the history is to be made again."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from PIL import Image

from impasto.studio.jobs import UNDER_WAY, Job
from impasto.studio.page import link, paint
from impasto.studio.page.desk import Desk
from impasto.studio.page.quick import QuickSettings

Found = dict[str, Any]
"""What is to be set, by the names of `layout.Widgets` and of its controls."""

_MOST_REMEMBERED = 2000  # letters


def open_page(desk: Desk, owner: str, query: str, remembered: str) -> tuple[Found, Sequence[str]]:
    """Return what to show: a link's settings, or the painting under way, and the latest photo."""
    quick = desk.studio.quick
    styles = [style.name for style in quick.styles()]
    linked = link.read(query, styles=styles, largest=desk.studio.settings.max_size)
    settings = dict(linked.settings)
    found: Found = {"swatches": settings.pop("style", None) or quick.default}
    if not styles:
        found["mode"] = "paint"
    if painting := settings.pop("painting", None):
        found["paintings"] = [{"source": f"painting:{painting}", "name": painting}]
    job = None if settings else _under_way(desk, owner)
    if job:
        found |= again(desk, owner, job.id)
        found["stage"] = {"job": job.id}
        found["photo"]["quiet"] = True
    elif photo := _recalled(desk, owner, remembered):
        found["photo"] = {**photo, "restored": True}
    return {**found, **settings}, linked.complaints


def again(desk: Desk, owner: str, id: str) -> Found:
    """Return what sets the page to make a job's picture again. Raises `KeyError`."""
    job = desk.studio.store.job(id, owner)
    photo = photo_of(desk, owner, f"photo:{id}")
    if job.kind == "paint":
        paintings = paint.paintings_of(desk, job)
        settings = {"mode": "paint", "paintings": paintings, **paint.settings_of(job)}
    else:
        chosen = QuickSettings.of(job.request, desk.studio.settings.max_size)
        settings = {
            "mode": "quick",
            "swatches": chosen.style,
            "strength": chosen.strength,
            "stroke": chosen.style_scale,
            "color": chosen.color,
            "size": chosen.size,
            "seed": chosen.seed,
        }
    return {"stage": {}, "photo": photo, **settings}


def photo_of(desk: Desk, owner: str, source: str, name: str = "Photo") -> Found:
    """Return what the photo's part of the page holds of a photo. Raises `KeyError`."""
    with Image.open(io.BytesIO(desk.sources.data(owner, source))) as image:
        return {"source": source, "name": name, "width": image.width, "height": image.height}


def _under_way(desk: Desk, owner: str) -> Job | None:
    jobs = desk.studio.store.jobs(owner)
    return next((job for job in jobs if job.state in UNDER_WAY and not job.wish), None)


def _recalled(desk: Desk, owner: str, remembered: str) -> Found | None:
    """Return the photo that a browser remembers, if it is still there."""
    try:
        photo = json.loads(remembered[:_MOST_REMEMBERED] or "null")
        return photo_of(desk, owner, str(photo["source"]), str(photo["name"])[:200])
    except (ValueError, TypeError, KeyError, OSError):
        return None
