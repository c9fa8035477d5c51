"""The page of the studio, built with Gradio, and the routes its pictures come by.

`build` makes the page, `mount` puts it and its routes into an app. Settings and buttons are
Gradio's; pictures and the progress of jobs come by plain routes (`routes`), which cost less than
events, outlive a restart of the server, and check who asks. No file passes through Gradio.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

    from impasto.studio.context import Studio

__all__ = ["build", "mount"]

_GRADIO = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # After every event it would sum up all events so far, with pandas, for a page that we have not.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**62),
    "GRADIO_ANALYTICS_MAX_EVENTS": "100",
}
"""Read when Gradio is imported. None of our files pass through the folder that it makes."""

# Gradio takes seconds to import, and much beside the page needs none of it.


def build(studio: Studio) -> gr.Blocks:
    """Build the page of a studio."""
    from impasto.studio.page.layout import build

    return build(studio)


def mount(app: FastAPI, studio: Studio) -> None:
    """Put the page at the root of an app, after all its other routes."""
    os.environ.update(_GRADIO, GRADIO_TEMP_DIR=str(studio.files.home / "gradio"))
    from impasto.studio.page.mounting import mount

    mount(app, studio)
