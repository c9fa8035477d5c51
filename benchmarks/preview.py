"""Is a small painting what the large one will look like?

The same options are painted small and large, and the large one is shrunk to the small one's size.
How alike they are: structural similarity of the luminance at 128 pixels (the composition) and at
the small size (the strokes), correlation of the colours at 32 pixels, mean difference of values.
So that the numbers mean something, the small painting is also compared with two others: one of the
same size and options that started from noise, and the large one painted at a single scale, as
tools without scales do it. The preview should be closer than both. Look at the sheet, too: small,
large, from noise, single scale. At 2048 pixels a step takes ten times that of 640: set --steps.

    python benchmarks/preview.py --sheet preview.png                      # 512 and 2048 pixels
    python benchmarks/preview.py --sizes 256 640 --steps 100 --sheet preview.png
    python benchmarks/preview.py tubingen --data FOLDER --sheet preview.png
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, output, parser, report
from numpy.typing import NDArray
from pairs import PAIRS, pair_name, prepare
from PIL import Image
from skimage.color import rgb2gray, rgb2lab
from skimage.metrics import structural_similarity

import impasto
from impasto.images import fit, resize

COMPOSITION, COLOUR = 128, 32
"""Long sides in pixels at which composition and colour are compared."""

ALIKE = {
    "composition": "similarity at 128 px",
    "strokes": "similarity at the small size",
    "colour": "correlation of colours at 32 px",
}
"""Measures that are 1 where two pictures are the same."""

UNLIKE = {"difference": "mean difference of values"}
"""Measures that are 0 where two pictures are the same."""

RGB = NDArray[np.float32]


def main(argv: list[str] | None = None) -> None:
    """Paint, compare and report."""
    parse = parser(__doc__)
    parse.add_argument("pair", type=pair_name, nargs="?", default="sample", help=", ".join(PAIRS))
    parse.add_argument("--data", type=Path, metavar="FOLDER", help="folder of the pairs")
    parse.add_argument("--sizes", type=int, nargs=2, default=(512, 2048), help="small and large")
    parse.add_argument("--steps", type=int, default=300)
    parse.add_argument("--sheet", type=output, metavar="FILE", help="the pictures side by side")
    arguments = parse.parse_args(argv)
    small, others = painted(arguments)
    if arguments.sheet:
        sheet = np.hstack([small, *others.values()])
        Image.fromarray(np.rint(sheet * 255).astype(np.uint8)).save(arguments.sheet)
    found = {name: compared(small, other) for name, other in others.items()}
    report(__doc__, rows(found), arguments, small_with=found)


def painted(arguments: Any) -> tuple[RGB, dict[str, RGB]]:
    """Return the small painting, and the others at its size by name."""
    less, more = arguments.sizes
    with tempfile.TemporaryDirectory() as folder:
        files = prepare(arguments.pair, fit(4, 3, more), arguments.data, Path(folder))

        def paint(size: int, **options: Any) -> RGB:
            rgb = impasto.paint(*files, size=size, steps=arguments.steps, **options).rgb
            return resize(rgb, *fit(4, 3, less))

        return paint(less), {
            "large": paint(more),
            "from noise": paint(less, init="noise", seed=1),
            "single scale": paint(more, scales="single"),
        }


def compared(one: RGB, other: RGB) -> dict[str, float]:
    """Return how alike two pictures of one size are, by the name of the measure."""
    labs = [rgb2lab(_shrunk(rgb, COLOUR))[..., 1:].ravel() for rgb in (one, other)]
    return {
        "composition": _similarity(_shrunk(one, COMPOSITION), _shrunk(other, COMPOSITION)),
        "strokes": _similarity(one, other),
        "colour": float(np.corrcoef(*labs)[0, 1]),
        "difference": float(np.abs(one - other).mean()),
    }


def rows(found: dict[str, dict[str, float]]) -> list[Row]:
    """Return what the large painting scores, with the best of the others as the mark to pass."""
    marks = [found[name] for name in found if name != "large"]
    large = found["large"]
    return [
        Row(f"small and large: {text}", large[measure], at_least=max(m[measure] for m in marks))
        for measure, text in ALIKE.items()
    ] + [
        Row(f"small and large: {text}", large[measure], at_most=min(m[measure] for m in marks))
        for measure, text in UNLIKE.items()
    ]


def _similarity(one: RGB, other: RGB) -> float:
    return float(structural_similarity(rgb2gray(one), rgb2gray(other), data_range=1))


def _shrunk(rgb: RGB, side: int) -> RGB:
    height, width, _ = rgb.shape
    return resize(rgb, *fit(width, height, side))


if __name__ == "__main__":
    main()
