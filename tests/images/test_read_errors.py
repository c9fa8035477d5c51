from __future__ import annotations

import os
import socket
import struct
import threading
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from PIL import Image

from images import making
from impasto.errors import ImageError
from impasto.images import read_picture
from impasto.options import ReadOptions


def refused(source, match, options=None):
    with pytest.raises(ImageError, match=match) as caught:
        read_picture(source, options or ReadOptions())
    message = str(caught.value)
    assert message.isprintable(), "one line, without control characters"
    return message


def test_missing(tmp_path):
    message = refused(tmp_path / "none.png", "no such file")
    assert message.startswith(str(tmp_path / "none.png"))


def test_folder(tmp_path):
    refused(tmp_path, "is a folder")


def test_empty(tmp_path):
    (tmp_path / "a.png").touch()
    refused(tmp_path / "a.png", r"is empty \(0 bytes\)")
    refused(b"", "<memory>: is empty")


def test_permission(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything

        def denied(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("pathlib.Path.open", denied)
    refused(path, "permission denied")


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")  # and does not wait for a writer
    refused("/dev/zero", "not a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        refused(tmp_path / "s", "not a regular file")


def test_impossible_names(tmp_path):
    refused("a\0b.png", "cannot be read")
    refused(tmp_path / ("x" * 5000), "cannot be read")
    message = refused(tmp_path / "two\nlines\x1b[31m.png", "no such file")
    assert r"two\nlines\x1b[31m.png" in message
    refused("\udcff.png", "no such file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "cannot be read")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(kind, part):
    data = making.as_bytes(Image.fromarray(making.colours(40, 40)), kind)
    refused(data[: int(len(data) * part)], "damaged|truncated|not a picture")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_truncated_sixteen_bit_png(channels):
    data = making.png16(making.deep(40, 40, channels), grey=channels < 3)
    refused(data[: len(data) // 2], "damaged or truncated")


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (b"hello, world", "starts with b'hello, world'"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\n  <!doctype html><p>", "web page"),
        (b"<svg xmlns='x'/>", "SVG"),
        (b"PK\x03\x04" + bytes(40), "ZIP"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "video"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"\x89PNG\r\n\x1a\n", "damaged PNG"),
        (bytes(100), "starts with"),
        (b"\x80\x02}q\x00.", "starts with"),
    ],
)
def test_no_picture(data, look, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    refused(tmp_path / "a.jpg", f"not a picture.*{look}|damaged.*")


def test_postscript_never_starts_a_program(monkeypatch):
    monkeypatch.setattr("subprocess.Popen", lambda *_a, **_k: pytest.fail("started a program"))
    eps = making.as_bytes(Image.new("RGB", (9, 9)), "EPS")
    refused(eps, "PostScript")


def test_too_many_bytes(tmp_path):
    data = making.as_bytes(Image.fromarray(making.colours()), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    assert read_picture(tmp_path / "a.png", ReadOptions(max_bytes=len(data))).width == 10
    tight = ReadOptions(max_bytes=len(data) - 1)
    refused(
        tmp_path / "a.png", f"more than the {len(data) - 1:,} bytes allowed.*--max-bytes", tight
    )
    refused(data, "bytes allowed", tight)


def test_too_many_bytes_is_known_before_reading(tmp_path, monkeypatch):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(2**40)  # sparse: takes no space
    monkeypatch.setattr("pathlib.Path.open", lambda *_a: pytest.fail("opened"))
    refused(tmp_path / "a.png", "268,435,456 bytes allowed")


FORMATS = {
    "png": lambda p: making.as_bytes(Image.fromarray(p), "PNG"),
    "png16": lambda p: making.png16(p.astype(np.uint16) * 257),
    "jpeg": lambda p: making.as_bytes(Image.fromarray(p), "JPEG"),
    "gif": lambda p: making.as_bytes(Image.fromarray(p), "GIF"),
    "webp": lambda p: making.as_bytes(Image.fromarray(p), "WEBP"),
    "tiff16": lambda p: making.tiff(p.astype(np.uint16) * 257, photometric="rgb"),
    "planar": lambda p: making.tiff(
        np.moveaxis(p, 2, 0).astype(np.uint16), photometric="rgb", planarconfig="separate"
    ),
    "float": lambda p: making.tiff((p / 255).astype(np.float32), photometric="rgb"),
    "ico": lambda p: making.as_bytes(Image.fromarray(p), "ICO"),
    "heic": lambda p: making.heic(Image.fromarray(p)),
    "array": lambda p: p,
    "pil": Image.fromarray,
}


@pytest.mark.parametrize("kind", FORMATS)
def test_too_many_pixels(kind):
    source = FORMATS[kind](making.colours(32, 32))
    assert read_picture(source, ReadOptions(max_pixels=1024)).height == 32
    message = refused(source, "32x32 pixels, more than the 1,023", ReadOptions(max_pixels=1023))
    assert "--max-pixels" in message


@pytest.mark.parametrize("bits", [8, 16])
def test_a_header_that_claims_the_world_is_believed_before_decoding(bits, monkeypatch):
    monkeypatch.setattr(Image.core, "new", lambda *_a: pytest.fail("memory was taken"))
    bomb = making.png_claiming(100_000, 100_000, bits=bits, body=zlib.compress(bytes(1000)))
    refused(bomb, "100000x100000 pixels, more than the 128,000,000 allowed")


def test_a_header_that_claims_the_world_when_allowed_is_truncated_or_out_of_memory():
    bomb = making.png_claiming(2**31 - 1, 2**31 - 1)
    refused(bomb, "pixels|damaged|memory", ReadOptions(max_pixels=2**40))


@cache
def packed_zeros(mebibytes):
    packer, zeros = zlib.compressobj(9), bytes(2**20)
    return b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_or_profile(kind):
    start = b"k\0\1\0\0\0" if kind == b"iTXt" else b"k\0\0"
    good = making.as_bytes(Image.fromarray(making.colours()), "PNG")
    bomb = making.chunk(kind, start + packed_zeros(256))
    tracemalloc.start()
    # What is not needed may be passed over, but it must not be unpacked whole.
    with suppress(ImageError):
        read_picture(good[:33] + bomb + good[33:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_a_bomb_as_pixels_is_unpacked_to_the_size_of_the_header_only():
    bomb = making.png_claiming(10, 10, body=packed_zeros(256))
    tracemalloc.start()
    with suppress(ImageError):
        assert read_picture(bomb).rgb.shape == (10, 10, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_an_icon_that_lies_about_the_picture_in_it():
    inside = making.as_bytes(Image.fromarray(making.colours(64, 64)), "PNG")
    entry = struct.pack("<4B2H2I", 16, 16, 0, 0, 1, 32, len(inside), 22)
    icon = struct.pack("<3H", 0, 1, 1) + entry + inside
    refused(icon, "64x64 pixels", ReadOptions(max_pixels=1000))


def test_pillows_warning_about_many_pixels_never_escapes(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in ("PNG", "WEBP", "TIFF", "GIF", "ICO"):
            data = making.as_bytes(Image.fromarray(making.colours(16, 16)), kind)
            assert read_picture(data).width == 16
        # Over twice the limit some decoders refuse, by themselves and from some version on.
        with suppress(ImageError):
            read_picture(making.as_bytes(Image.fromarray(making.colours(80, 80)), "WEBP"))
    assert not caught


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.full((2, 2, 3), np.nan), "not finite"),
        (np.full((2, 2, 3), np.inf, np.float32), "not finite"),
        (np.full((2, 2, 3), 1.5), "range from 1.5 to 1.5; scale them to 0 to 1"),
        (np.full((2, 2, 3), -0.5), "scale them"),
        (np.zeros((2, 2, 5)), r"shape \(2, 2, 5\) is not a picture"),
        (np.zeros((1, 2, 2, 3)), "is not a picture"),
        (np.zeros(3), "is not a picture"),
        (np.zeros((0, 2, 3)), "is not a picture"),
        (np.zeros((2, 2, 3), np.int64), "int64"),
        (np.zeros((2, 2, 3), complex), "complex"),
        (np.zeros((2, 2, 3), bool), "bool"),
        (np.zeros((2, 2, 3), object), "object"),
    ],
)
def test_arrays_that_are_no_picture(array, match):
    refused(array, match)


def test_float_files_that_are_no_picture():
    for value, match in ((np.nan, "not finite"), (255.0, "scale them to 0 to 1")):
        grey = np.full((4, 4), value, np.float32)
        refused(making.as_bytes(Image.fromarray(grey), "TIFF"), match)
        refused(making.tiff(np.dstack([grey] * 3), photometric="rgb"), match)
    refused(Image.new("I", (2, 2), -5), "has values from -5 to -5")


def test_what_is_no_source():
    refused(None, "a NoneType is not a picture")
    refused(7, "a int is not a picture")
    refused(Image.new("RGB", (0, 5)), "no pixels")


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (MemoryError(), "does not fit into memory"),
        (Image.DecompressionBombError("x"), "too many pixels"),
        (Image.DecompressionBombWarning("x"), "too many pixels"),
        (RuntimeError("two\nlines"), "damaged or truncated: two lines"),
        (RecursionError(), "damaged or truncated: RecursionError"),
    ],
)
def test_whatever_a_decoder_raises(error, match, monkeypatch):
    def fail(*_args):
        raise error

    data = making.as_bytes(Image.fromarray(making.colours()), "PNG")
    monkeypatch.setattr("impasto.images.read.decode", fail)
    refused(data, match)


def test_threads_at_once_leave_no_filter_behind():
    good = making.as_bytes(Image.fromarray(making.colours()), "PNG")
    bad = making.as_bytes(Image.fromarray(making.colours()), "TIFF")[:100]
    filters, failures = list(warnings.filters), []

    def work():
        for _ in range(20):
            try:
                read_picture(good)
                refused(bad, "TIFF|damaged")
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == filters
