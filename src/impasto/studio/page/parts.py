"""Parts of the page that Gradio has not: elements of our own that scripts of ours fill."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from impasto.studio.page.look import version


def part(name: str, value: Any = None, *events: str, **given: Any) -> gr.HTML:
    """Make the part that ``assets/<name>.js`` fills by its function of that name.

    ``events`` are those that it triggers; ``given`` is plain data for the function.
    """
    data = json.dumps(given)
    return gr.HTML(
        value,
        # Gradio takes an event for known when its name is found here in quotes.
        js_on_load=f"""
            const events = {list(events)};
            import(new URL("{_address(name)}", document.baseURI).href)
                .then(({{ {name} }}) => {name}(element, trigger, props, watch, {data}));
        """,
        html_template="",
        elem_id=name,
        apply_default_css=False,
    )


def script(name: str, *values: Any) -> str:
    """Return the JavaScript that calls a function of ours with the inputs of an event."""
    given = "".join(f", {json.dumps(value)}" for value in values)
    return f"""(...inputs) => {{
        import(new URL("{_address(name)}", document.baseURI).href)
            .then((module) => module.{name}(inputs{given}));
        return [];
    }}"""


def _address(name: str) -> str:
    return f"studio/assets/{version()}/{name}.js"
