"""Paint the pictures of the README from the samples: python scripts/gallery.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import impasto
from impasto.images import resize
from impasto.samples import painting, photo

PAIRS = (
    ("coffee", "swirls"),
    ("chelsea", "embers"),
    ("rocket", "dots"),
    ("astronaut", "facets"),
)
WIDTH, GAP = 400, 8


def main(folder: Path) -> None:
    """Paint every pair and write the sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    tiles = []
    for content, style in PAIRS:
        source = photo(content)[:, :, :3]
        made = impasto.paint(source, painting(style), size=640, steps=150)
        print(f"{content} × {style}: {made}", flush=True)
        tiles.append(_tile(source, painting(style), made.rgb))
    rows = [np.hstack(tiles[i : i + 2]) for i in range(0, len(tiles), 2)]
    sheet = Image.fromarray(np.vstack(rows)[:-GAP, :-GAP])
    sheet.save(folder / "gallery.jpg", quality=80, optimize=True, progressive=True)


def _tile(content: np.ndarray, style: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Stack a painting on a strip with its photo and its sample painting."""
    height = round(WIDTH * 0.7)
    strip = (WIDTH - GAP) // 2
    big = _cropped(made, WIDTH, height)
    small = [
        _cropped(p.astype(np.float32) / 255, strip, round(strip * 0.6)) for p in (content, style)
    ]
    line = np.full((small[0].shape[0], WIDTH, 3), 255, np.uint8)
    line[:, :strip], line[:, -strip:] = small
    tile = np.vstack([big, np.full((GAP, WIDTH, 3), 255, np.uint8), line])
    return np.pad(tile, ((0, 2 * GAP), (0, 2 * GAP), (0, 0)), constant_values=255)


def _cropped(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize and crop around the centre."""
    h, w, _ = rgb.shape
    scale = max(width / w, height / h)
    scaled = resize(rgb, max(width, round(w * scale)), max(height, round(h * scale)))
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.rint(scaled[top : top + height, left : left + width] * 255).astype(np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
