"""Draw the paintings that Impasto ships: ``python scripts/sample_paintings [NAME] [--to FOLDER]``.

They are written as JPEG files of at most 150 KB, which is what `impasto.samples` reads. The same
name and seed give the same picture.
"""

from __future__ import annotations

import argparse
import io
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from impasto import samples

MOST_BYTES = 150_000


def draw(name: str, width: int, height: int, seed: int = 0) -> Image.Image:
    """Draw a painting of ``width`` × ``height`` pixels; larger ones have larger strokes."""
    rng = np.random.default_rng([seed, samples.PAINTINGS.index(name)])
    return Image.fromarray(import_module(f"sample_paintings.{name}").paint(width, height, rng))


def encoded(image: Image.Image) -> bytes:
    """Return the picture as a JPEG of the best quality that is small enough."""
    for quality in range(95, 40, -1):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=samples.PAINTINGS)
    parser.add_argument("--to", type=Path, default=Path(samples.__file__).parent)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    for name in given.names:
        image = draw(name, given.width, round(given.width * 608 / 768), given.seed)
        path = given.to / f"{name}.jpg"
        path.write_bytes(encoded(image))
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
