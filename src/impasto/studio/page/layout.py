"""What is where on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import gradio as gr

from impasto import samples
from impasto.options.checked import shown
from impasto.options.paint import QUALITIES
from impasto.studio.context import Studio
from impasto.studio.page import link
from impasto.studio.page.desk import Desk
from impasto.studio.page.paint import MOST_PAINTINGS
from impasto.studio.page.parts import part
from impasto.studio.page.sources import SAMPLES
from impasto.studio.page.wiring import wire
from impasto.studio.settings import Settings

_TITLE = """
<header class="masthead">
  <h1>Impasto</h1>
  <p>Your photos, painted.</p>
  {}
</header>
"""
_LEAVE = (
    """<form method="post" action="logout"><button class="button quiet">Log out</button></form>"""
)
_COLORS = [(f"of the {whose}", whose) for whose in link.COLORS]
_AT_ONCE, _MOST_WAITING = 8, 200
_QUICK_SIZE, _PAINT_SIZE = 1024, 640

Controls = dict[str, Any]
"""Controls by the names that links give their settings."""


@dataclass(frozen=True)
class Widgets:
    """All of the page that is touched, or changes."""

    photo: gr.HTML
    stage: gr.HTML
    tabs: gr.Tabs
    swatches: gr.HTML
    quick: Controls
    paintings: gr.HTML
    paint: Controls
    begin: gr.Button
    share: gr.Button


def build(studio: Studio, desk: Desk | None = None) -> gr.Blocks:
    """Build the page of a studio."""
    page = gr.Blocks(title="Impasto", analytics_enabled=False, fill_width=True)
    with page:
        title = _TITLE.format(_LEAVE if studio.keys.required else "")
        gr.HTML(title, padding=False, elem_id="masthead", js_on_load=None)
        wire(page, desk or Desk.of(studio), _lay_out(studio.settings))
    for block in page.blocks.values():
        # Gradio takes what looks like a file in any event for one, and would fetch its address.
        setattr(block, "async_move_resource_to_block_cache", _refuse)  # noqa: B010
    # Of each kind of event so many are worked at; the others wait, and beyond that are refused.
    page.queue(default_concurrency_limit=_AT_ONCE, max_size=_MOST_WAITING, api_open=False)
    return page


async def _refuse(address: object) -> NoReturn:
    raise ValueError(f"no file is wanted here, got {shown(address)}")


def _lay_out(settings: Settings) -> Widgets:
    with gr.Row(elem_id="room", equal_height=False):
        with gr.Column(elem_id="easel", scale=2, min_width=280):
            photo = part("photo", None, samples=SAMPLES)
            stage = part(
                *("stage", None, "finish", "stop", "goon", "cancel", "settle", "keep", "again"),
                "remove",
            )
        with gr.Column(elem_id="palette", scale=1, min_width=280):
            with gr.Tabs(elem_id="ways") as tabs:
                with gr.Tab("Quick", id="quick", elem_id="way-quick"):
                    swatches = part("swatches")
                    quick = _quick_controls(settings)
                with gr.Tab("Paint", id="paint", elem_id="way-paint", render_children=True):
                    paintings = part(
                        "paintings", [], samples=samples.PAINTINGS, most=MOST_PAINTINGS
                    )
                    paint = _paint_controls(settings)
                    begin = gr.Button("Paint", variant="primary", elem_id="begin")
            share = gr.Button("Copy a link to these settings", elem_id="share", size="sm")
    part("history")
    return Widgets(photo, stage, tabs, swatches, quick, paintings, paint, begin, share)


def _quick_controls(settings: Settings) -> Controls:
    return {
        "strength": _strength(),
        "stroke": _stroke("quick"),
        "color": gr.Radio(_COLORS, value="style", label="Colours"),
        "size": _size(settings, _QUICK_SIZE),
        "seed": part("another", 0),
    }


def _paint_controls(settings: Settings) -> Controls:
    lengths = [(f"{word} {steps}", word) for word, steps in QUALITIES.items()]
    return {
        "strength": _strength(),
        "stroke": _stroke("paint"),
        "color": gr.Radio(_COLORS, value="style", label="Colours"),
        "size": _size(settings, _PAINT_SIZE),
        "quality": gr.Radio(
            [(name, word) for name, word in lengths if QUALITIES[word] <= settings.max_steps],
            value="good",
            label="Quality, in steps",
        ),
    }


def _strength() -> gr.Slider:
    return gr.Slider(*link.STRENGTHS, value=1.0, step=0.05, label="Strength", buttons=[])


def _stroke(mode: str) -> gr.Slider:
    lowest, highest = link.STROKES[mode]
    return gr.Slider(lowest, highest, value=1.0, step=0.05, label="Stroke size", buttons=[])


def _size(settings: Settings, usual: int) -> gr.Slider:
    most = settings.max_size
    return gr.Slider(
        min(link.SMALLEST, most),
        most,
        value=min(usual, most),
        step=link.STEP,
        label="Size, the long side in pixels",
        buttons=[],
    )
