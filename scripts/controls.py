"""Show what each control of `impasto paint` does, with the sample pictures.

    python scripts/controls.py [FOLDER] [NAME ...]

Each sheet shows one photo painted several times, with the flags below. This script makes the
pictures of docs/control.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import impasto
from impasto.images import resize
from impasto.images.contact_sheet import contact_sheet
from impasto.losses import STYLE_LOSSES
from impasto.samples import painting, photo

SIZE, STEPS, CELL = 384, 80, 384

Case = tuple[str, Any, Any, dict[str, Any]]
"""The label, the photo, the styles and the options of a painting."""


def main(folder: Path, *names: str) -> None:
    """Make all sheets, or the named ones."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for name, cases in sheets(Path(place)).items():
            if not names or name in names:
                tiles = [(label, painted(*rest)) for label, *rest in cases]
                sheet = contact_sheet(tiles, columns=min(3, len(tiles)), width=3 * CELL)
                path = folder / f"control-{name}.jpg"
                Image.fromarray(sheet).save(path, quality=82, optimize=True, progressive=True)
                print(path, flush=True)


def painted(content: Any, styles: Any, options: dict[str, Any]) -> NDArray[np.float32]:
    """Paint a photo, or return it unchanged if there is no style."""
    if styles is None:
        rgb = content.astype(np.float32) / 255
        h, w, _ = rgb.shape
        return resize(rgb, SIZE, round(SIZE * h / w))
    size = {} if "canvas" in options else {"size": SIZE}
    return impasto.paint(content, styles, **{**size, "steps": STEPS, **options}).rgb


def sheets(place: Path) -> dict[str, Iterable[Case]]:
    """Return the cases of each sheet; write masks and maps to a folder."""
    coffee, cat = photo("coffee")[:, :, :3], photo("chelsea")[:, :, :3]
    person, rocket = photo("astronaut")[:, :, :3], photo("rocket")[:, :, :3]
    swirls, embers, waves, dots = (painting(n) for n in ("swirls", "embers", "waves", "dots"))
    return {
        "strength": [
            ("the photo", person, None, {}),
            *(
                (f"--strength {s:g}", person, swirls, {"strength": s})
                for s in (0.1, 0.25, 0.5, 0.75, 1)
            ),
        ],
        "color": [
            (f"--color {c}", coffee, waves, {"color": c})
            for c in ("style", "photo", "hue", "luminance", "match", "histogram")
        ],
        "masks": _masks(place, person, swirls, embers),
        "guide": _guide(place, rocket, swirls),
        "freeze": _freeze(place, person, dots),
        "blend": [
            ("swirls", cat, swirls, {}),
            ("dots", cat, dots, {}),
            ("--blend 0.5,0.5", cat, [swirls, dots], {"blend": (0.5, 0.5)}),
            ("fine: dots, large: swirls", cat, [swirls, dots], {"blend": _fine(0, 1)}),
            ("fine: swirls, large: dots", cat, [swirls, dots], {"blend": _fine(1, 0)}),
        ],
        "stroke": [(f"--style-scale {s:g}", cat, swirls, {"style_scale": s}) for s in (0.5, 1, 2)],
        "rotation": [
            (f"--style-rotation {d}", coffee, waves, {"style_rotation": d}) for d in (0, 45, 90)
        ],
        "losses": [
            (f"--style-loss {loss}", cat, swirls, {"style_loss": loss}) for loss in STYLE_LOSSES
        ],
        "edges": [
            ("the photo", person, None, {}),
            ("without", person, swirls, {}),
            ("--laplacian-weight 1000", person, swirls, {"laplacian_weight": 1000}),
        ],
        "texture": _textures(waves),
        "invert": [
            (f"--content-layers {layer}", cat, cat, {"preset": "invert", "content_layers": layer})
            for layer in ("relu2_1", "relu4_2", "relu5_1")
        ],
    }


def _fine(first: float, second: float) -> dict[str, tuple[float, float]]:
    """Return shares that give shallow layers to one style and deep layers to the other."""
    fine = dict.fromkeys(("relu1_1", "relu2_1"), (first, second))
    return fine | dict.fromkeys(("relu3_1", "relu4_1", "relu5_1"), (1 - first, 1 - second))


def _textures(style: Any) -> Iterator[Case]:
    yield "the painting", style, None, {}
    options = {"preset": "texture", "canvas": (SIZE, SIZE * 3 // 4)}
    yield "impasto texture", style, style, options
    tile = painted(style, style, {**options, "canvas": (192, 160), "tileable": True})
    yield "--tileable, two by two", np.tile(np.rint(tile * 255), (2, 2, 1)), None, {}


def _masks(place: Path, person: Any, front: Any, back: Any) -> Iterator[Case]:
    inside = _person(person)
    files = (_write(place / "person.png", inside), _write(place / "rest.png", 1 - inside))
    yield "the masks", _grey(inside), None, {}
    yield "the whole in two styles", person, [front, back], {}
    yield "--masks person.png,rest.png", person, [front, back], {"masks": files}


def _guide(place: Path, rocket: Any, style: Any) -> Iterator[Case]:
    h, w, _ = rocket.shape
    y = np.linspace(0, 1, h)[:, None] * np.ones((1, w))
    sky = np.where(y[:, :, None] < 0.78, (60, 90, 220), (40, 160, 60)).astype(np.uint8)
    a, b, _ = style.shape
    y = np.linspace(0, 1, a)[:, None] * np.ones((1, b))
    own = np.where(y[:, :, None] < 0.75, (60, 90, 220), (40, 160, 60)).astype(np.uint8)
    paths = [place / "photo-map.png", place / "style-map.png"]
    for path, rgb in zip(paths, (sky, own), strict=True):
        Image.fromarray(rgb).save(path)
    yield "photo-map.png", sky, None, {}
    yield "without a guide", rocket, style, {}
    guides = {"guide": str(paths[0]), "style_guide": str(paths[1])}
    yield "--guide, --style-guide", rocket, style, guides


def _freeze(place: Path, person: Any, style: Any) -> Iterator[Case]:
    inside = _person(person)
    yield "the mask", _grey(inside), None, {}
    yield "without", person, style, {}
    yield "--freeze mask.png", person, style, {"freeze": _write(place / "frozen.png", inside)}


def _person(rgb: Any) -> NDArray[np.float64]:
    """Return a soft mask (h, w) of the astronaut: head, collar and suit."""
    h, w, _ = rgb.shape
    y, x = np.mgrid[0:h, 0:w] / np.array([h, w]).reshape(2, 1, 1)
    head = 1 - np.hypot((x - 0.44) / 0.14, (y - 0.22) / 0.2)
    body = 1 - np.hypot((x - 0.42) / 0.42, (y - 0.85) / 0.5)
    return np.clip(np.maximum(head, body) * 12, 0, 1)


def _grey(mask: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(mask * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _write(path: Path, mask: NDArray[np.float64]) -> str:
    Image.fromarray(_grey(mask)).save(path)
    return str(path)


if __name__ == "__main__":
    arguments = sys.argv[1:] or ["docs/images"]
    main(Path(arguments[0]), *arguments[1:])
