"""``impasto video``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.cli import completion
from impasto.cli.flags import AsJson, Fast, FieldFlags, LearningBudget, Quiet, with_options
from impasto.options import ApplyOptions, ReadOptions, VideoOptions

if TYPE_CHECKING:
    from impasto.video.frames import FrameStylizer

_LEARNING_FRAMES = 8
"""The number of frames of the clip that a painting is learnt on."""


@with_options(
    video=VideoOptions,
    options=FieldFlags(ApplyOptions, without=["jobs"]),
    read=FieldFlags(ReadOptions, without=["max_bytes"]),
)
def video(
    style: Annotated[
        str,
        typer.Argument(
            help="A style, a mixture or a pack file (see impasto models); or a painting, which is "
            "learnt first, once, on frames of the clip.",
            metavar="STYLE",
            show_default=False,
            autocompletion=completion.styles,
        ),
    ],
    clip: Annotated[Path, typer.Argument(help="The film.", metavar="CLIP", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="The result: a .mp4, .mov, .mkv or .webm file.", show_default=False
        ),
    ],
    paint: Annotated[
        bool,
        typer.Option(
            "--paint",
            help="Optimise the pixels of each frame, as impasto paint does, starting from the last "
            "one. STYLE is a painting. For short clips.",
        ),
    ] = False,
    fast: Fast = False,
    budget: LearningBudget = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted run of the same command."),
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    *,
    video: VideoOptions,
    options: ApplyOptions,
    read: ReadOptions,
) -> None:
    """Stylise a film without flicker, and keep its sound.

    The film is processed frame by frame, and its sound is copied unchanged. The output file appears
    when it is complete. After Ctrl-C or a crash, repeat the command with --resume to continue.

    Examples:

      impasto video wave clip.mp4 -o out.mp4

      impasto video wave clip.mp4 -o test.mp4 --end 3

      impasto video painting.jpg clip.mp4 -o out.mp4

      impasto video wave clip.mov -o out.webm --size 1280 --stability 1 --color photo

      impasto video painting.jpg clip.mp4 -o out.mp4 --paint --size 480 --end 5
    """
    from impasto.cli.video_progress import carry_out
    from impasto.video.stylizer import VideoStylizer

    frames = _frames(style, clip, video, options, read, paint, fast, budget, quiet=quiet)
    stylizer = VideoStylizer(frames, clip, out, video, size=options.size, read=read, resume=resume)
    carry_out(stylizer, quiet=quiet, as_json=as_json)


def _frames(
    style: str,
    clip: Path,
    video: VideoOptions,
    options: ApplyOptions,
    read: ReadOptions,
    paint: bool,
    fast: bool,
    budget: str | None,
    *,
    quiet: bool,
) -> FrameStylizer:
    """Return what paints the frames."""
    from impasto.apply.network import Network
    from impasto.cli.on_the_fly import is_painting, learn_on_the_fly
    from impasto.errors import OptionsError
    from impasto.text import shown
    from impasto.video.frames import NetworkStylizer, PaintingStylizer
    from impasto.video.reading import Film, sample_frames
    from impasto.zoo.registry import resolve

    painting = is_painting(style)
    if budget is not None and (paint or not painting):
        raise OptionsError(
            "--budget is the time to learn a painting, but "
            + ("--paint does not learn" if paint else "STYLE is the name of a style")
        )
    if paint:
        if not painting:
            raise OptionsError(f"--paint needs the file of a painting as STYLE, got {shown(style)}")
        return PaintingStylizer(style, video.steps, options, read)
    if painting:
        on: list[Any] = sample_frames(Film(clip, video, read=read), _LEARNING_FRAMES)
        pack, shares = learn_on_the_fly(style, on, budget, read, fast=fast, quiet=quiet)
    else:
        pack, shares = resolve(style, fast=fast)
    network = Network(pack, shares, backend=options.backend, device=options.device)
    return NetworkStylizer(network, options, read)
