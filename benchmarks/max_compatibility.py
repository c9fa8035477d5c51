"""How far is `/model/predict` from IBM's MAX Fast Neural Style Transfer, with the same checkpoints?

The original's network is that of pytorch/examples; the tests have an independent implementation of
it. It rounds down, and saves JPEG as Pillow does by default. Ours are imported, and served as the
studio serves them. Numbers are levels of 255, over all checkpoints.

    python benchmarks/max_compatibility.py --checkpoints mosaic.pth udnie.pth candy.pth rain.pth
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import ROOT, Row, parser, report
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(ROOT / "tests"))

from export.original import TransformerNet
from impasto import samples
from impasto.export.transformer_net import import_checkpoint
from impasto.studio.quick import MAX, Quick
from impasto.studio.settings import read
from impasto.zoo.cards import StyleCard
from impasto.zoo.pack import write_pack

Bytes = NDArray[np.uint8]

EDGE = 16
"""The rows and columns at the right and the bottom that mirroring changes most."""


def main(argv: list[str] | None = None) -> None:
    """Compare, and report."""
    parse = parser(__doc__)
    parse.add_argument("--photo", type=Path, metavar="FILE", help="(default: the sample chelsea)")
    parse.add_argument("--checkpoints", type=Path, nargs="+", required=True, metavar="FILE")
    arguments = parse.parse_args(argv)
    path = arguments.photo
    photo = decoded(path.read_bytes()) if path else samples.photo("chelsea")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        quick = Quick(read(data=folder))
        rows = compared(photo, arguments.checkpoints, quick)
        quick.close()
    report(__doc__, rows, arguments)


def compared(photo: Bytes, checkpoints: list[Path], quick: Quick) -> list[Row]:
    """Return the differences for a photo whose sides are multiples of 4, and as it is."""
    from impasto.zoo.registry import user_folder

    user_folder().mkdir(parents=True, exist_ok=True)
    found: dict[str, list[float]] = {}

    def note(what: str, value: float) -> None:
        found.setdefault(what, []).append(float(value))

    height, width = (side - side % 4 for side in photo.shape[:2])
    for number, checkpoint in enumerate(checkpoints):
        style = f"style-{number}"
        pack = import_checkpoint(checkpoint, StyleCard(name=style))
        write_pack(pack, user_folder() / f"{style}.safetensors")
        net = TransformerNet().eval()
        net.load_state_dict(weights(checkpoint))
        even = np.ascontiguousarray(photo[:height, :width])
        theirs, ours = original(net, even), served(quick, even, style, "png")
        apart = differences(theirs, ours)
        note("sides multiples of 4: most", apart.max())
        note("sides multiples of 4: mean", apart.mean())
        whole = original(net, photo)
        padded = np.pad(
            photo, ((0, -photo.shape[0] % 4), (0, -photo.shape[1] % 4), (0, 0)), "reflect"
        )
        mirrored = served(quick, padded, style, "png")
        apart = differences(whole, mirrored)
        edge = np.zeros(apart.shape, bool)
        edge[-EDGE if photo.shape[0] % 4 else len(edge) :] = True
        edge[:, -EDGE if photo.shape[1] % 4 else edge.shape[1] :] = True
        if edge.any():
            note("other sides: most in the last 16 rows or columns", apart[edge].max())
            note("other sides: mean there", apart[edge].mean())
            note("other sides: most elsewhere", apart[~edge].max())
        plain = encoded(theirs, "JPEG")
        file, _ = quick.stylise(encoded(even), style, format=MAX)
        note("JPEG after decoding: mean", differences(decoded(plain), decoded(file)).mean())
        note("JPEG: longer by", len(file) - len(plain))
        note("JPEG: of another size", whole.shape != served(quick, photo, style, MAX).shape)
    most = {what: max(values) for what, values in found.items()}
    return [Row(what, value, "bytes" if "longer" in what else "") for what, value in most.items()]


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint, without the statistics that nothing uses."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return {name: value.float() for name, value in state.items() if "running" not in name}


@torch.inference_mode()
def original(net: TransformerNet, photo: Bytes) -> Bytes:
    """Return what the original makes of a photo (h, w, 3)."""
    made = net(torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float())[0]
    return made.clamp(0, 255).permute(1, 2, 0).numpy().astype(np.uint8)


def served(quick: Quick, photo: Bytes, style: str, format: str) -> Bytes:
    """Return what the studio makes of it."""
    return decoded(quick.stylise(encoded(photo), style, format=format)[0])


def differences(one: Bytes, other: Bytes) -> NDArray[np.int64]:
    """Return how far values are apart."""
    return np.abs(one.astype(int) - other)


def encoded(picture: Bytes, format: str = "PNG") -> bytes:
    """Return a picture as a file that Pillow saves by default."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format)
    return file.getvalue()


def decoded(data: bytes) -> Bytes:
    """Return the pixels of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


if __name__ == "__main__":
    main(sys.argv[1:])
