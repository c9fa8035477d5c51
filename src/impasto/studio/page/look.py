"""How the page looks: paper and ink, by day and by night, in the fonts of the reader's system."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")

_INK = gr.themes.Color(
    name="ink",
    c50="#faf7f0",
    c100="#f3eee2",
    c200="#e6decd",
    c300="#d3c8b3",
    c400="#a89c88",
    c500="#857a69",
    c600="#665d50",
    c700="#4a433a",
    c800="#302b25",
    c900="#231f1b",
    c950="#1a1714",
)
_RED = gr.themes.Color(
    name="vermilion",
    c50="#fdf3ef",
    c100="#fbe3da",
    c200="#f6c6b5",
    c300="#ee9f84",
    c400="#e37c5b",
    c500="#cc5936",
    c600="#a8411f",
    c700="#8b3519",
    c800="#6f2b16",
    c900="#5a2514",
    c950="#331208",
)


def head() -> str:
    """Return what goes into the page's head. A style sheet given to Gradio would be rewritten."""
    sheet = f"studio/assets/{version()}/page.css"
    return f"""
        <meta name="description" content="Your photos, painted in the style of paintings.">
        <meta name="color-scheme" content="light dark">
        <link rel="stylesheet" href="{sheet}">
    """


@cache
def version() -> str:
    """Return what tells these assets from those of another version, which browsers may keep."""
    digest = hashlib.sha256()
    for path in sorted(ASSETS.rglob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def theme() -> gr.themes.Base:
    """Return Gradio's theme in our colours, without any font that would have to be loaded."""
    base = gr.themes.Base(
        primary_hue=_RED,
        secondary_hue=_INK,
        neutral_hue=_INK,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        font=[gr.themes.Font(name) for name in _SANS],
        font_mono=[gr.themes.Font(name) for name in _MONO],
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="#fffdf9",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_padding="0",
        block_label_background_fill="transparent",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="500",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        border_color_accent="*primary_600",
        border_color_accent_dark="*primary_400",
        color_accent="*primary_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        input_background_fill="#fffdf9",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="*neutral_950",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        shadow_drop="none",
        layout_gap="0px",
        form_gap_width="0px",
    )
