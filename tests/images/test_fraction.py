"""Reading at a fraction: after resizing, the result matches that from the full picture."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import compressobj, crc32

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.images import resize
from impasto.images.fraction import read_fitting
from impasto.images.read import read_stored
from impasto.options import ReadOptions


def drawn(width: int, height: int) -> Image.Image:
    """A picture of smooth blotches."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, format, **options)
    return data.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("size", [50, 120, 300, 900])
def test_what_is_decoded_smaller_ends_as_what_is_decoded_whole(format: str, size: int):
    noise = np.random.default_rng(0).normal(0, 12, (600, 800, 3))
    image = Image.fromarray(np.clip(np.asarray(drawn(800, 600)) + noise, 0, 255).astype(np.uint8))
    data = encoded(image, format, **({"quality": 95} if format == "JPEG" else {}))
    fitting = read_fitting(data, size, ReadOptions())
    whole = read_stored(data, ReadOptions())
    assert max(fitting.rgb.shape) >= min(800, 2 * size)
    assert fitting.sha256 == whole.sha256
    width, height = size, size * 3 // 4
    a = resize(fitting.picture.rgb, width, height)
    b = resize(whole.picture.rgb, width, height)
    assert np.abs(a - b).mean() < 0.004


def test_a_large_jpeg_is_never_whole_in_memory():
    import tracemalloc

    data = encoded(drawn(6000, 4000), "JPEG")
    read_fitting(data[:], 64, ReadOptions())
    tracemalloc.start()
    found = read_fitting(data, 256, ReadOptions())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.rgb.shape == (500, 750, 3)
    assert peak < 8e6


def deep_png(width: int, height: int, channels: int, row: Callable[[int], bytes]) -> bytes:
    """Return a PNG of 16 bits, given its rows."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    packer = compressobj()
    body = b"".join(packer.compress(b"\0" + row(y)) for y in range(height)) + packer.flush()
    parts = (b"IHDR", header), (b"IDAT", body), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("width", "height"), [(1000, 700), (37, 1100), (1100, 3)])
def test_sixteen_bits_are_averaged_as_they_are_read(width: int, height: int, channels: int):
    rng = np.random.default_rng(0)
    values = rng.integers(20_000, 60_000, (height, width, channels)).astype(">u2")
    data = deep_png(width, height, channels, lambda y: values[y].tobytes())
    fitting = read_fitting(data, 60, ReadOptions())
    whole = read_stored(data, ReadOptions())
    factor = max(width, height) // 120
    assert fitting.rgb.dtype == np.float32
    assert fitting.sha256 == whole.sha256
    for found, full in ((fitting.rgb, whole.rgb), (fitting.alpha, whole.alpha)):
        if full is None:
            assert found is None
            continue
        down, across = min(factor, height), min(factor, width)
        assert found.shape[:2] == (-(-height // down), -(-width // across))
        for y, x in ((0, 0), (len(found) // 2, found.shape[1] // 2), (-1, 0)):
            y, x = y % len(found), x % found.shape[1]
            block = full[y * down : (y + 1) * down, x * across : (x + 1) * across]
            np.testing.assert_allclose(found[y, x], block.mean(axis=(0, 1)), atol=1e-5)


def test_hidden_colours_of_sixteen_bits_are_not_averaged_in():
    """The right half is white and transparent."""
    left = np.tile(np.array([20_000, 30_000, 40_000, 65535], ">u2"), 401).tobytes()
    right = np.tile(np.array([65535, 65535, 65535, 0], ">u2"), 399).tobytes()
    data = deep_png(800, 600, 4, lambda _: left + right)
    rgb = read_fitting(data, 50, ReadOptions()).rgb
    np.testing.assert_allclose(rgb, np.broadcast_to(rgb[0, 0], rgb.shape), atol=1 / 255)


def test_a_small_file_of_many_deep_pixels_takes_little_memory(tmp_path: Path):
    """300 kB, 40 million pixels: two copies at 8 bits lie in memory, and never floats of all."""
    row = np.tile(np.array([3007, 4007, 5007], ">u2"), 6300).tobytes()
    path = tmp_path / "large.png"
    path.write_bytes(deep_png(6300, 6300, 3, lambda _: row))
    code = """
import resource, sys
from impasto.images.fraction import read_fitting
from impasto.options import ReadOptions
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_fitting(sys.argv[1], 128, ReadOptions())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 500 * 1024  # in kB; it was 1,061 MB


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_and_alpha_survive_being_read_smaller(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = drawn(800, 400)
    image.paste("black", (0, 0, 400, 400))
    photo = read_fitting(encoded(image, "JPEG", exif=exif), 50, ReadOptions()).rgb
    whole = read_stored(encoded(image, "JPEG", exif=exif), ReadOptions()).rgb
    assert photo.shape[0] * 8 == whole.shape[0]
    assert (photo.shape[0] > photo.shape[1]) == (whole.shape[0] > whole.shape[1])
    assert (photo[:10, :10].mean() < 5) == (whole[:10, :10].mean() < 5)
    rgba = drawn(800, 400).convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize((800, 400)))
    stored = read_fitting(encoded(rgba), 50, ReadOptions())
    assert stored.alpha is not None
    assert stored.alpha.shape == stored.rgb.shape[:2]


def test_a_strip_of_pixels_is_reduced_along_its_length_alone():
    stored = read_fitting(encoded(drawn(4000, 1)), 100, ReadOptions())
    assert stored.rgb.shape[0] == 1
    assert stored.rgb.shape[1] >= 200


@pytest.mark.parametrize("shape", [(800, 300), (300, 800)])
def test_the_short_side_may_be_what_counts(shape: tuple[int, int], tmp_path: Path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(drawn(*shape), "JPEG"))
    assert min(read_fitting(path, 30, ReadOptions(), short=True).rgb.shape[:2]) == 75
    assert min(read_fitting(path, 100, ReadOptions(), short=True).rgb.shape[:2]) == 300


def test_a_file_that_is_no_picture_is_named(tmp_path: Path):
    for data in (b"", b"text", b"\xff\xd8\xff no photo"):
        (tmp_path / "bad.jpg").write_bytes(data)
        with pytest.raises(ImageError, match=r"bad\.jpg"):
            read_fitting(tmp_path / "bad.jpg", 30, ReadOptions())
