"""The pairs that are measured, brought to one size, as PNG files that every program reads alike."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from PIL import Image, ImageOps

from impasto.images import with_pixel_count
from impasto.samples import painting, photo

PAIRS = {
    "sample": ("coffee", "swirls"),
    "tubingen": ("content/classic_tubingen.jpg", "paintings/vincent-van-gogh--starry-night.jpg"),
    "portrait": (
        "content/person_exif-portrait.jpg",
        "paintings/wassily-kandinsky--composition-vii.jpg",
    ),
    "balloons": (
        "content/sky_hot-air-balloons.jpg",
        "paintings/katsushika-hokusai--the-great-wave-off-kanagawa-full-sheet.jpg",
    ),
}
"""Name of the pair to photo and painting; all but the first lie in a folder of pictures."""


def pair_name(name: str) -> str:
    """Return the name of a pair as the command line gives it, if there is one."""
    if name not in PAIRS:
        raise ArgumentTypeError(f"no pair is called {name!r}; there are {', '.join(PAIRS)}")
    return name


def prepare(name: str, size: tuple[int, int], data: Path | None, folder: Path) -> tuple[Path, Path]:
    """Write photo and painting, cut to ``size`` = (width, height), into a folder.

    Every program gives the painting the photo's pixel count; here it has it already.
    """
    photograph, style = (_open(name, index, data) for index in (0, 1))
    width, height = size
    folder.mkdir(parents=True, exist_ok=True)
    content = folder / f"{name}-{width}x{height}-content.png"
    ImageOps.fit(photograph, size, Image.Resampling.LANCZOS).save(content)
    painted = folder / f"{name}-{width}x{height}-style.png"
    shape = _settled(style.size, width * height)
    style.resize(shape, Image.Resampling.LANCZOS).save(painted)
    return content, painted


def _settled(shape: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Return the size of about ``pixels`` pixels that Impasto leaves as it is.

    Rounding changes the aspect ratio, so the size of a size may be another one, by a pixel.
    """
    again = with_pixel_count(*shape, pixels)
    while again != shape:
        shape, again = again, with_pixel_count(*again, pixels)
    return shape


def _open(name: str, index: int, data: Path | None) -> Image.Image:
    part = PAIRS[name][index]
    if name == "sample":
        return Image.fromarray((photo, painting)[index](part))
    if data is None:
        raise SystemExit(f"pair {name} needs --data FOLDER with {part}")
    if not (data / part).is_file():
        raise SystemExit(f"pair {name}: {data / part} is not there")
    with Image.open(data / part) as image:
        return ImageOps.exif_transpose(image).convert("RGB")
