"""What happens when something on the page is touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from impasto.studio.page import jobs, paint, quick
from impasto.studio.page.desk import Desk, Unable, in_words, plainly, warn
from impasto.studio.page.opening import again as again_of
from impasto.studio.page.opening import open_page
from impasto.studio.page.parts import script
from impasto.studio.page.quick import QuickSettings

if TYPE_CHECKING:
    from impasto.studio.page.layout import Widgets

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
SEEN = {**QUIET, "show_progress": "minimal"}
"""A line below the picture moves meanwhile."""

_WITH_MODE = """(photo, ...rest) => {
    const tab = document.querySelector("#palette [role=tab][aria-selected=true]");
    return [photo && { ...photo, mode: tab?.dataset.tabId }, ...rest];
}"""
"""Python is told which tab is open: a photo is stylised at once only where that is wanted."""

_REMEMBERED = """() => {
    let photo = "";
    try { photo = localStorage.getItem("impasto.photo") || ""; } catch {}
    return [location.search, photo];
}"""
"""What the page's address and this browser know when the page opens."""


def wire(page: gr.Blocks, desk: Desk, widgets: Widgets) -> None:
    """Bind every event of the page."""
    _wire_quick(desk, widgets)
    _wire_paint(desk, widgets)
    _wire_stage(desk, widgets)
    _wire_opening(page, desk, widgets)
    settings = [*widgets.quick.values(), *widgets.paint.values()]
    widgets.share.click(
        None,
        [widgets.swatches, widgets.paintings, *settings],
        js=script("share", list(widgets.quick), list(widgets.paint)),
    )


def _wire_quick(desk: Desk, widgets: Widgets) -> None:
    """Stylise whenever the photo or a setting of it changes: one at a time, the latest wins.

    What takes longer is answered with a draft, and finished when the stage says that nothing moves.
    A photo is quiet while it only came along with something else, until a setting is touched.
    """
    names = list(widgets.quick)
    largest = desk.studio.settings.max_size

    @plainly
    def stylise(request: gr.Request, photo: Any, style: Any, *values: Any) -> Any:
        source = _photo(photo)
        if not source or not style or photo.get("mode") != "quick" or photo.get("quiet"):
            return gr.skip()
        given = dict(zip(names, values, strict=True))
        given["style_scale"] = given.pop("stroke")
        settings = QuickSettings.of({"style": style, **given}, largest)
        return {"result": quick.look(desk, desk.owner(request), source, settings)}

    controls = [widgets.photo, widgets.swatches, *widgets.quick.values()]
    gr.on(
        [control.change for control in controls],
        stylise,
        controls,
        widgets.stage,
        js=_WITH_MODE,
        trigger_mode="always_last",
        concurrency_limit=desk.studio.settings.at_once,
        **SEEN,
    )

    def finish(request: gr.Request, stage: Any) -> Any:
        draft: dict[str, Any] = {}
        try:
            draft = dict((stage or {}).get("result") or {})
            if not draft.get("draft"):
                return gr.skip()  # it was asked for twice
            settings = QuickSettings.of(draft, largest)
            made = quick.finish(desk, desk.owner(request), str(draft.get("photo")), settings)
        except Exception as error:
            warn(in_words(error))
            made = {"stuck": True}
        # By its draft the stage knows an answer that comes too late.
        return {"result": {**made, "of": draft.get("source")}}

    widgets.stage.finish(
        finish,
        widgets.stage,
        widgets.stage,
        trigger_mode="always_last",
        concurrency_limit=desk.studio.settings.at_once,
        **SEEN,
    )


def _wire_paint(desk: Desk, widgets: Widgets) -> None:
    names = list(widgets.paint)

    @plainly
    def begin(request: gr.Request, photo: Any, paintings: Any, *values: Any) -> Any:
        source = _photo(photo)
        if not source:
            raise Unable("Choose a photo first.")
        chosen = [str(one["source"]) for one in paintings or []]
        settings = dict(zip(names, values, strict=True))
        return _watch(paint.begin(desk, desk.owner(request), source, chosen, settings).id)

    inputs = [widgets.photo, widgets.paintings, *widgets.paint.values()]
    widgets.begin.click(begin, inputs, widgets.stage, concurrency_limit=2, **SEEN)


def _wire_stage(desk: Desk, widgets: Widgets) -> None:
    """Bind what is done with the picture on the stage."""
    store = desk.studio.store

    def on_job(name: str, act: Callable[[str, str], Any], closes: bool = False) -> None:
        @plainly
        def handler(request: gr.Request, event: gr.EventData) -> Any:
            id = str(event.job)
            act(id, desk.owner(request))
            return {} if closes else _watch(id)

        getattr(widgets.stage, name)(handler, None, widgets.stage, **QUIET)

    on_job("stop", store.stop)
    on_job("goon", store.go_on)
    on_job("cancel", store.cancel, closes=True)
    on_job("settle", lambda id, owner: jobs.settle(desk, owner, id))
    on_job("remove", lambda id, owner: jobs.remove(desk, owner, id), closes=True)

    @plainly
    def keep(request: gr.Request, stage: Any) -> Any:
        return _watch(quick.keep(desk, desk.owner(request), (stage or {}).get("result") or {}).id)

    widgets.stage.keep(keep, widgets.stage, widgets.stage, **QUIET)

    @plainly
    def again(request: gr.Request, event: gr.EventData) -> Any:
        return _set(widgets, again_of(desk, desk.owner(request), str(event.job)))

    widgets.stage.again(again, None, _settable(widgets), **QUIET)


def _wire_opening(page: gr.Blocks, desk: Desk, widgets: Widgets) -> None:
    """Find everything again when the page opens, or is opened by a link."""
    query, remembered = (gr.Textbox(visible=False) for _ in range(2))

    @plainly
    def opened(request: gr.Request, query: str, remembered: str) -> Any:
        found, complaints = open_page(desk, desk.owner(request), query, remembered)
        for complaint in complaints:
            warn(complaint)
        return _set(widgets, found)

    page.load(opened, [query, remembered], _settable(widgets), js=_REMEMBERED, **QUIET)


# What Python may set: everything, by name.


def _settable(widgets: Widgets) -> list[Any]:
    return [
        widgets.photo,
        widgets.stage,
        widgets.tabs,
        widgets.swatches,
        widgets.paintings,
        *widgets.quick.values(),
        *widgets.paint.values(),
    ]


def _set(widgets: Widgets, found: dict[str, Any]) -> list[Any]:
    """Return what Gradio is to make of settings by name; what is not named stays as it is."""
    skip = gr.skip()
    mode = found.get("mode")
    controls = {**widgets.quick, **widgets.paint}
    of_mode = {name: value for name, value in found.items() if name in controls}
    values: dict[Any, Any] = {
        widgets.tabs: gr.Tabs(selected=mode) if mode else skip,
        **{
            getattr(widgets, name): found[name]
            for name in ("photo", "stage", "swatches", "paintings")
            if name in found
        },
    }
    ways = {"quick": [widgets.quick], "paint": [widgets.paint]}
    for way in ways.get(str(mode), [widgets.quick, widgets.paint]):
        values |= {way[name]: value for name, value in of_mode.items() if name in way}
    return [values.get(one, skip) for one in _settable(widgets)]


def _watch(id: str) -> dict[str, Any]:
    """Return what has the stage show a job, and look at it at once."""
    return {"job": id, "at": time.time()}


def _photo(value: Any) -> str:
    return str(value.get("source") or "") if isinstance(value, dict) else ""
