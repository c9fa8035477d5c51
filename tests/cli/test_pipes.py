"""``-`` as a picture: standard input and output in a pipe."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.shell import IMPASTO, SHALLOW, Outcome, pixels
from patience import LIMIT, one_thread

Run = Callable[..., Outcome]
Pipe = Callable[..., tuple[int, bytes, str]]


def piped(folder: Path, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*IMPASTO, *arguments],
        cwd=folder,
        env={**one_thread(), "TMPDIR": str(folder / "tmp")},
        input=data,
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )


@pytest.fixture(autouse=True)
def _tmp(folder: Path) -> None:
    (folder / "tmp").mkdir()


@pytest.fixture
def pipe(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Run a command in this process, with standard input and output in memory."""
    monkeypatch.setattr("tempfile.tempdir", str(folder / "tmp"))

    def pipe(*arguments: str, data: bytes) -> tuple[int, bytes, str]:
        out = io.TextIOWrapper(io.BytesIO(), write_through=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
            patch.setattr("sys.stdout", out)
            outcome = run(*arguments)
        return outcome.code, out.buffer.getvalue(), outcome.err

    return pipe


def left(folder: Path) -> list[Path]:
    """What is left of temporary files of ours."""
    return [path for path in (folder / "tmp").iterdir() if path.name.startswith("impasto-")]


@pytest.mark.parametrize(("form", "kind"), [(None, "PNG"), ("jpg", "JPEG")])
def test_a_photo_goes_through_a_network(folder: Path, run: Run, form: str, kind: str) -> None:
    assert run("apply", "starry", "photo.png", "-o", "out.png").code == 0
    asked = ["--format", form] if form else []
    photo = (folder / "photo.png").read_bytes()
    colours = b"cICP" + bytes([12, 99, 0, 1])  # of which one is not known, and a notice says so
    chunk = struct.pack(">I", 4) + colours + struct.pack(">I", zlib.crc32(colours))
    photo = photo[:33] + chunk + photo[33:]  # after the header
    done = piped(folder, "apply", "starry", "-", "-o", "-", *asked, data=photo)
    assert done.returncode == 0, done.stderr
    assert b"impasto: standard input: declares unknown colour code points" in done.stderr
    made = Image.open(io.BytesIO(done.stdout))  # nothing else is there
    assert made.format == kind
    assert np.abs(np.asarray(made, float) - pixels(folder / "out.png")).mean() < 6
    assert not left(folder)


def test_a_photo_is_painted(folder: Path, run: Run, pipe: Pipe) -> None:
    line = ["--size=48", "--steps=2", *SHALLOW]
    assert run("paint", "photo.png", "style.png", "-o", "out.png", *line).code == 0
    photo = (folder / "photo.png").read_bytes()
    code, out, err = pipe("paint", "-", "style.png", "-o", "-", *line, data=photo)
    assert code == 0, err
    made = np.asarray(Image.open(io.BytesIO(out)))  # nothing else is there
    np.testing.assert_array_equal(made, pixels(folder / "out.png"))
    assert not left(folder)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("apply", "starry", "-", "-o", "-"), "impasto: standard input: is not a picture"),
        (("apply", "starry", "-", "-o", "tmp"), "one picture without a name"),
        (("apply", "starry", "-", "-", "-o", "out"), "can be used only once"),
        (("apply", "starry", "photo.png", "-o", "-", "--json"), "both use standard output"),
        (("paint", "-", "-", "-o", "out.png"), "can be used only once"),
        (("paint", "photo.png", "style.png", "-o", "-", "--json"), "both use standard output"),
    ],
)
def test_mistakes_leave_nothing(
    folder: Path, pipe: Pipe, arguments: tuple[str, ...], told: str
) -> None:
    code, out, err = pipe(*arguments, data=b"no picture")
    assert code in (1, 2)
    assert out == b""
    assert told in err
    assert not left(folder)


def test_names_that_the_terminal_cannot_show_are_escaped(folder: Path) -> None:
    (folder / "photo.png").rename(folder / "東京.png")
    done = subprocess.run(
        [*IMPASTO, "apply", "turbo/starry", "東京.png", "-o", "大阪.png"],
        cwd=folder,
        env={**one_thread(), "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert b"picture  \\u5927\\u962a.png" in done.stdout
    assert (folder / "大阪.png").is_file()


def test_a_notice_is_one_line(folder: Path) -> None:
    (folder / "out.png").write_bytes(b"old")
    (folder / "backup.png").hardlink_to(folder / "out.png")
    done = piped(folder, "apply", "turbo/starry", "photo.png", "-o", "out.png")
    assert done.returncode == 0
    line = f"impasto: {folder / 'out.png'}: had other names (hard links); they keep the earlier"
    assert line in done.stderr.decode()
    assert "Notice" not in done.stderr.decode()
    assert (folder / "backup.png").read_bytes() == b"old"
