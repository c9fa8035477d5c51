"""Every user error gives one line and exit code 2, and changes nothing."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cli.shell import IMPASTO, SHALLOW, Outcome, draw, listing, pixels
from impasto import atomic
from impasto.cli.paint_session import PaintSession
from impasto.runtime import checkpoint

OK = ["photo.png", "style.png", "-o", "out.png", "--size=48", "--steps=2", *SHALLOW]


def bomb(path: Path) -> None:
    """A PNG that says it has 100,000 x 100,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    idat = chunk(b"IDAT", zlib.compress(b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + idat + chunk(b"IEND", b""))


@pytest.fixture
def mess(folder: Path) -> Path:
    """The folder with all that is not a picture, and with an earlier result."""
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("This is not a picture at all.\n")
    with Image.open(folder / "photo.png") as photo:
        data = io.BytesIO()
        photo.save(data, "JPEG")
    (folder / "cut.jpg").write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
    bomb(folder / "bomb.png")
    (folder / "subfolder").mkdir()
    draw(folder / "dot.png", 1, 1)
    draw(folder / "thread.png", 3000, 2)
    (folder / "link.png").symlink_to(folder / "photo.png")
    (folder / "foreign.state").write_bytes(b"this was never a checkpoint" * 10)
    checkpoint.write(folder / "whole.state", {}, {"run": {}, "engine": {}})
    whole = (folder / "whole.state").read_bytes()
    (folder / "cut.state").write_bytes(whole[: len(whole) // 2])
    (folder / "out.png").write_bytes(b"an earlier result")
    return folder


def paint_with(*replaced: str, content: str = "photo.png", style: str = "style.png") -> list[str]:
    return [content, style, *OK[2:], *replaced]


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "missing photo": (paint_with(content="nix.jpg"), ["nix.jpg", "no such file"]),
    "missing style": (paint_with(style="nix.jpg"), ["nix.jpg", "no such file"]),
    "name of a style": (paint_with(style="wave"), ["wave", "impasto apply wave photo.png"]),
    "empty": (paint_with(content="empty.jpg"), ["empty.jpg", "empty"]),
    "truncated": (paint_with(content="cut.jpg"), ["cut.jpg"]),
    "text": (paint_with(content="text.jpg"), ["text.jpg"]),
    "bomb": (paint_with(content="bomb.png"), ["100000x100000", "--max-pixels"]),
    "bomb as style": (paint_with(style="bomb.png"), ["bomb.png", "100000x100000"]),
    "folder": (paint_with(content="subfolder"), ["out.png: is not a folder"]),
    "one pixel style": (paint_with(style="thread.png"), ["thread.png", "too small for relu2_2"]),
    "thread": (paint_with(content="thread.png"), ["48x1 pixels", "too small", "--size"]),
    "over max pixels": (paint_with("--max-pixels=100"), ["--max-pixels"]),
    "over max bytes": (paint_with("--max-bytes=100"), ["--max-bytes"]),
    "nan weight": (paint_with("--style-weight=nan"), ["--style-weight", "nan"]),
    "negative weight": (paint_with("--content-weight=-1"), ["--content-weight", "at least 0"]),
    "all weights 0": (
        paint_with("--content-weight=0", "--style-weight=0"),
        ["all 0", "nothing to optimise"],
    ),
    "nan layer weight": (paint_with("--style-layers=relu1_1:nan"), ["--style-layers", "relu1_1"]),
    "unknown layer": (paint_with("--style-layers=relu_4_1"), ["relu_4_1", "mean 'relu4_1'"]),
    "unknown preset": (paint_with("--preset=gatis"), ["gatis", "did you mean 'gatys'"]),
    "unknown optimiser": (paint_with("--optimizer=adamm"), ["did you mean 'adam'"]),
    "blend of two": (paint_with("--blend=0.5,0.5"), ["--blend has 2 shares", "1 style"]),
    "blend of words": (paint_with("--blend=a"), ["--blend must be numbers"]),
    "scales of words": (paint_with("--scales=big"), ["--scales", "'big'"]),
    "falling scales": (paint_with("--scales=64,32"), ["--scales must rise"]),
    "more scales than steps": (paint_with("--scales=16,24,32"), ["--steps 2 is too few"]),
    "too small": (paint_with("--size=12", "--style-layers=relu5_1"), ["relu5_1", "needs 16"]),
    "size 0": (paint_with("--size=0"), ["--size", "from 1 to"]),
    "size huge": (paint_with("--size=1000000"), ["--size", "from 1 to 65500"]),
    "steps 0": (paint_with("--steps=0"), ["--steps"]),
    "steps and budget": (paint_with("--budget=10m"), ["--steps and --budget", "one of them"]),
    "steps and quality": (paint_with("--quality=best"), ["--steps and --quality"]),
    "budget of words": (paint_with("--budget=soon"), ["--budget must be a time", "'soon'"]),
    "unknown quality": (paint_with("--quality=god"), ["--quality", "did you mean 'good'"]),
    "no folder": (paint_with("-o", "nowhere/out.png"), ["nowhere", "does not exist"]),
    "file as folder": (paint_with("-o", "text.jpg/out.png"), ["text.jpg"]),
    "folder takes none": (paint_with("-o", "/proc/out.png"), ["/proc/out.png"]),
    "folder as output": (paint_with("-o", "subfolder"), ["subfolder"]),
    "output is photo": (paint_with("-o", "photo.png"), ["photo.png", "also an input"]),
    "output is style": (paint_with("-o", "style.png"), ["style.png", "also an input"]),
    "output is link": (paint_with("-o", "link.png"), ["link.png", "also an input"]),
    "output is init": (paint_with("--init=other.png", "-o", "other.png"), ["also an input"]),
    "unfinished is init": (
        paint_with("--init=o.unfinished.png", "-o", "o.png"),
        ["o.unfinished.png", "also an input"],
    ),
    "unknown extension": (paint_with("-o", "out.pgn"), ["did you mean '.png'"]),
    "no extension": (paint_with("-o", "out"), ["out: has no extension", ".png"]),
    "16 bit jpeg": (paint_with("--bits=16", "-o", "out.jpg"), ["--bits 16", ".png"]),
    "12 bits": (paint_with("--bits=12"), ["--bits must be 8 or 16"]),
    "jpeg quality 0": (paint_with("--jpeg-quality=0"), ["--jpeg-quality"]),
    "no checkpoint": (
        paint_with("--resume", "--checkpoint=nix.state"),
        ["nix.state", "start without --resume"],
    ),
    "no default checkpoint": (paint_with("--resume"), ["out.png.checkpoint", "no checkpoint"]),
    "foreign checkpoint": (
        paint_with("--resume", "--checkpoint=foreign.state"),
        ["foreign.state", "not a checkpoint"],
    ),
    "cut checkpoint": (paint_with("--resume", "--checkpoint=cut.state"), ["cut.state", "damaged"]),
    "checkpoint of nothing": (
        paint_with("--resume", "--checkpoint=whole.state"),
        ["whole.state", "another run"],
    ),
    "checkpoint is photo": (paint_with("--checkpoint=photo.png"), ["also an input"]),
    "corrupt weights": (paint_with("--weights=text.jpg"), ["text.jpg", "corrupt"]),
    "missing weights": (paint_with("--weights=nix.pth"), ["nix.pth"]),
    "noise ratio": (paint_with("--noise-ratio=0.5"), ["--noise-ratio", "--init noise"]),
    "init missing": (paint_with("--init=nosie"), ["nosie"]),
    "two of one name": (paint_with("--log=a.txt", "--frames=a.txt"), ["a.txt"]),
    "plot over painting": (paint_with("--plot=./out.png"), ["--out and --plot", "out.png"]),
    "plot over new painting": (paint_with("-o", "n.png", "--plot=n.png"), ["--out and --plot"]),
    "log over checkpoint": (
        paint_with("--log=a.log", "--checkpoint=a.log"),
        ["--checkpoint and --log both write to a.log"],
    ),
    "checkpoint over painting": (
        paint_with("-o", "n.png", "--checkpoint=n.png"),
        ["--out and --checkpoint"],
    ),
    "frames over painting": (
        paint_with("-o", "frame-000002.png", "--frames=."),
        ["--frames", "frame-000002.png"],
    ),
    "film of a kind": (paint_with("--timelapse=film.xyz"), [".xyz"]),
    "frames in a file": (paint_with("--frames=text.jpg"), ["--frames", "not a folder"]),
    "device of a kind": (paint_with("--device=gpu"), ["--device must be"]),
    "no style": (["photo.png", "-o", "out.png"], ["Missing", "STYLE", "impasto paint --help"]),
    "unknown flag": ([*OK, "--sise=3"], ["--sise"]),
    "steps of words": (paint_with("--steps=many"), ["--steps"]),
}


def assert_one_line(outcome: Outcome, parts: list[str]) -> None:
    assert outcome.code == 2
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    assert "Traceback" not in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize(("arguments", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_touches_nothing(
    mess: Path, run: Callable[..., Outcome], arguments: list[str], parts: list[str]
) -> None:
    draw(mess / "o.unfinished.png")
    before = listing(mess)
    assert_one_line(run("paint", *arguments), parts)
    assert listing(mess) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_where_there_is_none(mess: Path, run: Callable[..., Outcome]) -> None:
    before = listing(mess)
    outcome = run("paint", *OK, "--device=cuda")
    assert_one_line(outcome, ["--device cuda", "--device auto or cpu"])
    assert listing(mess) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["samples", "swirl", "--to", "s"],
        ["samples", "swirls", "--to", "text.jpg"],
        ["rerun", "photo.png"],
        ["rerun", "text.jpg"],
        ["rerun", "nix.png"],
        ["pant"],
        ["rerun"],
        ["layers", "more"],
    ],
    ids=" ".join,
)
def test_mistakes_of_other_commands(
    mess: Path, run: Callable[..., Outcome], arguments: list[str]
) -> None:
    before = listing(mess)
    assert_one_line(run(*arguments), [])
    assert listing(mess) == before


@pytest.mark.parametrize("name", ["bomb", "no style"])
def test_no_traceback_in_a_real_shell(mess: Path, name: str) -> None:
    arguments, parts = MISTAKES[name]
    line = [*IMPASTO, "paint", *arguments]
    done = subprocess.run(line, cwd=mess, capture_output=True, text=True, check=False)
    assert_one_line(Outcome(done.returncode, done.stdout, done.stderr), parts)


def test_the_checkpoint_of_another_run_says_what_differs(
    folder: Path, paint: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ["--checkpoint=out.state", "-o", "out.png"]
    with monkeypatch.context() as patch:
        patch.setattr(PaintSession, "_follow", lambda *_: True)  # as if Ctrl-C came at once
        assert paint(*state).code == 130
    before = listing(folder)
    for change, part in (
        (["--style-weight=2"], "style_weight is 2.0, was 1.0"),
        (["--seed=7"], "seed is 7, was 0"),
        (["--tv-weight=0.5"], "tv_weight is 0.5, was 0.0"),
    ):
        outcome = paint(*state, "--resume", *change)
        assert_one_line(outcome, ["another run", part])
    (folder / "photo.png").write_bytes((folder / "other.png").read_bytes())
    assert_one_line(paint(*state, "--resume"), ["another run", "content.sha256"])
    assert listing(folder) == {**before, "photo.png": before["other.png"]}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], bool]], None]:
    """Make writing fail for the files that a test is asked about."""

    def fill(full: Callable[[Path], bool]) -> None:
        to_disk = atomic._to_disk
        target = atomic._target
        latest: list[Path] = []

        def remember(path: Any) -> Path:
            latest.append(target(path))
            return latest[-1]

        def fail(path: Path) -> None:
            if full(latest[-1]):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            to_disk(path)

        monkeypatch.setattr(atomic, "_target", remember)
        monkeypatch.setattr(atomic, "_to_disk", fail)

    return fill


def test_a_full_disk_leaves_the_earlier_result_and_the_painting_is_rescued(
    folder: Path,
    paint: Callable[..., Outcome],
    full_disk: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(elsewhere))
    assert paint("-o", "expected.png").code == 0
    (folder / "out.png").write_bytes(b"an earlier result")
    before = listing(folder)
    full_disk(lambda path: path.parent == folder)
    outcome = paint("-o", "out.png", "--quiet")
    assert_one_line(outcome, ["No space left", str(elsewhere / "out.unfinished.png")])
    assert listing(folder) == before
    rescued = pixels(elsewhere / "out.unfinished.png")
    assert (rescued == pixels(folder / "expected.png")).all()


def test_a_disk_full_everywhere_is_still_one_line(
    folder: Path, paint: Callable[..., Outcome], full_disk: Callable[..., None]
) -> None:
    before = listing(folder)
    full_disk(lambda _: True)
    assert_one_line(paint("-o", "out.png", "--quiet"), ["out.png", "No space left"])
    assert listing(folder) == before


def test_a_disk_that_fills_while_painting_keeps_the_picture_so_far(
    folder: Path, paint: Callable[..., Outcome], full_disk: Callable[..., None]
) -> None:
    full_disk(lambda path: path.name == "out.state")
    state = ["--checkpoint=out.state", "--checkpoint-every=0"]
    outcome = paint("-o", "out.png", "--quiet", *state)
    assert_one_line(outcome, ["out.state", "No space left", "saved as out.unfinished.png"])
    assert not (folder / "out.png").exists()
    assert pixels(folder / "out.unfinished.png").shape == (36, 48, 3)


def test_a_film_that_cannot_be_written_says_that_the_painting_is_there(
    folder: Path, paint: Callable[..., Outcome], full_disk: Callable[..., None]
) -> None:
    full_disk(lambda path: path.name == "film.gif")
    outcome = paint("-o", "out.png", "--quiet", "--timelapse=film.gif")
    assert_one_line(outcome, ["film.gif", "the painting itself is out.png"])
    assert pixels(folder / "out.png").shape == (36, 48, 3)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["numpy", "cuda", "cpu"],
)
def test_out_of_memory_is_one_line(
    paint: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("impasto.painter.Painter._build_engine", fail)
    assert_one_line(paint("-o", "out.png"), ["out of memory", "--size"])


def test_an_error_of_our_own_making_is_not_hidden(
    paint: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("impasto.painter.Painter._build_engine", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        paint("-o", "out.png")
