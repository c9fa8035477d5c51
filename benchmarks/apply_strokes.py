"""Does a large picture that a network painted look like the small one, and at what price?

A photo is enlarged to --megapixels and given grain, as a camera's picture has it; that is the large
one, and brought down to 1024 pixels the small one. `impasto apply` paints both, file to file, as
somebody at a terminal does. The large result, brought down to 1024 pixels, is compared with the
small one as `preview.py` compares pictures. So that the numbers mean something, the small photo is
also painted with another seed: two paintings of one photo, with the very same strokes in size, that
differ by nothing but chance. Large and small should be at least as much alike as those. Look at the
sheet, too: large, small, another seed. Time and memory are those of the whole commands.

    python benchmarks/apply_strokes.py --sheet strokes.png
    python benchmarks/apply_strokes.py --photo large.jpg --styles starry,wave --sheet strokes.png
    python benchmarks/apply_strokes.py --photo large.jpg --models quality --megapixels 50
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from commands import IMPASTO, Ran, run
from common import Row, output, parser, report
from PIL import Image
from preview import ALIKE, RGB, UNLIKE, compared

from impasto.images import fit, read_picture, resize, save_picture
from impasto.images.contact_sheet import contact_sheet, sheet_width
from impasto.images.picture import Samples, eight_bits
from impasto.options import MODELS
from impasto.samples import photo

SMALL = 1024
"""Long side at which pictures are compared: as much as a screen shows."""

_SEEDS = (0, 1)
_TILE = 640  # width of a picture on the sheet


def main(argv: list[str] | None = None) -> None:
    """Paint large and small, compare and report."""
    parse = parser(__doc__)
    parse.add_argument("--photo", type=Path, metavar="FILE", help="(default: our sample coffee)")
    parse.add_argument("--megapixels", type=float, default=12, help="(default: 12)")
    parse.add_argument(
        "--grain", type=float, default=4, help="its spread in levels of 255 (default: 4)"
    )
    parse.add_argument("--models", nargs="+", choices=MODELS, default=[*reversed(MODELS)])
    parse.add_argument("--styles", default="starry", metavar="A,B", help="(default: starry)")
    parse.add_argument("--packs", type=Path, nargs="+", metavar="FILE", help="instead of --models")
    parse.add_argument("--small", type=int, default=SMALL, help="(default: 1024)")
    parse.add_argument("--sheet", type=output, metavar="FILE", help="the pictures, a row a style")
    arguments = parse.parse_args(argv)
    with TemporaryDirectory() as folder:
        large, small = prepared(arguments, Path(folder))
        found: dict[str, dict[str, Any]] = {}
        tiles: list[tuple[str, RGB]] = []
        for model in arguments.packs or arguments.models:
            for style in arguments.styles.split(","):
                name = f"{model}/{style}"
                pictures, found[name] = painted(name, large, small, Path(folder))
                tiles += [(f"{name}, {what}", rgb) for what, rgb in pictures.items()]
    if arguments.sheet:
        sheet = contact_sheet(tiles, 3, sheet_width(3, min(_TILE, arguments.small)))
        save_picture(sheet, arguments.sheet)
    table = [row for name, one in found.items() for row in rows(name, one)]
    report(__doc__, table, arguments, found=found)


def prepared(arguments: Any, folder: Path) -> tuple[Path, Path]:
    """Write the large photo and the small one, as PNG."""
    source = read_picture(arguments.photo or photo("coffee")).rgb
    height, width, _ = source.shape
    enlarge = (arguments.megapixels * 1e6 / (height * width)) ** 0.5
    grained = grain(
        resize(source, round(width * enlarge), round(height * enlarge)), arguments.grain
    )
    large, small = folder / "large.png", folder / "small.png"
    Image.fromarray(grained).save(large, compress_level=1)
    side = fit(grained.shape[1], grained.shape[0], arguments.small)
    brought_down = eight_bits(resize(grained, *side))
    Image.fromarray(brought_down).save(small, compress_level=1)
    return large, small


def grain(rgb: RGB, levels: float) -> Samples:
    """Add grey normal noise to a picture, a strip at a time, and round to uint8."""
    random, found = np.random.default_rng(0), np.empty(rgb.shape, np.uint8)
    for strip, into in zip(np.array_split(rgb, 16), np.array_split(found, 16), strict=True):
        noise = random.standard_normal((*strip.shape[:2], 1), np.float32) * np.float32(levels / 255)
        into[...] = eight_bits(np.clip(strip + noise, 0, 1))
    return found


def painted(
    name: str, large: Path, small: Path, folder: Path
) -> tuple[dict[str, RGB], dict[str, Any]]:
    """Paint a style large and small; return the pictures at the small size, and what was found."""
    whole, ran_large = apply(name, large, folder, seed=_SEEDS[0])
    one, ran_small = apply(name, small, folder, seed=_SEEDS[0])
    other, _ = apply(name, small, folder, seed=_SEEDS[1])
    height, width, _ = one.shape
    brought_down = resize(whole, width, height)
    found = {
        "megapixels": whole.shape[0] * whole.shape[1] / 1e6,
        "large": compared(one, brought_down),
        "another seed": compared(one, other),
        "seconds": {"large": ran_large.seconds, "small": ran_small.seconds},
        "peak": {"large": ran_large.peak, "small": ran_small.peak},
    }
    return {"large": brought_down, "small": one, "another seed": other}, found


def apply(name: str, source: Path, folder: Path, *, seed: int) -> tuple[RGB, Ran]:
    """Run `impasto apply`."""
    out = folder / "out.png"
    ran = run(IMPASTO, "apply", name, source, "-o", out, "--seed", seed, "--quiet", "--overwrite")
    return read_picture(out).rgb, ran


def rows(name: str, found: dict[str, Any]) -> list[Row]:
    """Return how alike large and small are, with two seeds as the mark to reach; the price."""
    large, mark = found["large"], found["another seed"]
    size = f"{found['megapixels']:.0f} megapixels"
    return [
        *(
            Row(f"{name}, large and small: {t}", large[m], at_least=mark[m])
            for m, t in ALIKE.items()
        ),
        *(
            Row(f"{name}, large and small: {t}", large[m], at_most=mark[m])
            for m, t in UNLIKE.items()
        ),
        Row(f"{name}, {size}: time", found["seconds"]["large"], "s"),
        Row(f"{name}, {size}: peak memory", found["peak"]["large"] / 1e9, "GB"),
        Row(f"{name}, small: time", found["seconds"]["small"], "s"),
        Row(f"{name}, small: peak memory", found["peak"]["small"] / 1e9, "GB"),
    ]


if __name__ == "__main__":
    main()
