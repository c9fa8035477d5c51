"""The interface for programs that stylise pictures."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from apply import making
from impasto import Network
from impasto.errors import ImageError, OptionsError
from impasto.images import read_picture, read_recipe
from impasto.images.color import grey, luma
from impasto.images.encode import Job
from impasto.options import ReadOptions, SaveOptions
from impasto.zoo.pack import write_pack
from zoo.making import random_pack

pytest.importorskip("onnxruntime")

SHARES = {"wave": 3, "starry": 1}
CLOSE = 1e-4
PHOTO = making.photo(70, 90, kind=np.uint8)
HALF_A_STEP = 0.51 / 255


def network(name="turbo", backend="onnx"):
    shares = SHARES if name == "turbo" else {"mosaic": 1}
    return Network(making.pack(name), shares, backend=backend, device="cpu", threads=1)


NET = network()


def truth(rgb, strength=1.0, name="turbo", seed=0):
    """What PyTorch's network makes of float RGB, by its own padding."""
    net = making.network(name, making.pack(name).tensors)
    mix = (1 - strength, 0.75 * strength, 0.25 * strength)
    return making.by_torch(net, making.planes(rgb), mix, seed)[0].transpose(1, 2, 0)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("strength", [1.0, 0.5, 1.3])
def test_a_photo_comes_out_as_the_network_says(backend, strength):
    rgb = making.photo(70, 90)
    found = network(backend=backend)(rgb, strength=strength)
    assert found.rgb.dtype == np.float32
    expected = truth(rgb, strength)
    np.testing.assert_allclose(found.rgb, expected, atol=CLOSE)
    assert expected.std() > 0.05


def test_without_strength_it_is_the_photo():
    rgb = making.photo(33, 47)
    np.testing.assert_allclose(NET(rgb, strength=0).rgb, rgb, atol=1e-6)
    foreign = network("transformer-net")
    assert foreign(rgb).rgb.shape == rgb.shape
    with pytest.raises(OptionsError, match="cannot vary its strength"):
        foreign(rgb, strength=0.5)


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "PIL", "array", "floats"])
def test_a_picture_is_a_picture_wherever_it_comes_from(tmp_path, kind):
    path = tmp_path / "photo.png"
    Image.fromarray(PHOTO).save(path)
    source = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "PIL": Image.fromarray(PHOTO),
        "array": PHOTO,
        "floats": PHOTO / 255,
    }[kind]
    expected = truth((PHOTO / 255).astype(np.float32))
    found = NET(source)
    assert found.samples.dtype == (np.uint8 if kind == "array" else np.float32)
    np.testing.assert_allclose(found.rgb, expected, atol=HALF_A_STEP + CLOSE)


@pytest.mark.parametrize("tile", ["auto", 64])
@pytest.mark.parametrize("color", ["style", "photo"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_eight_bits_are_what_floats_are_saved_as(tmp_path, mode, color, tile):
    """Of a file that has no more, the picture is the same to the bit, however it is computed."""
    image = Image.fromarray(PHOTO).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(PHOTO[:, :, 0]))
    image.save(tmp_path / "photo.png")
    through_floats = read_picture(tmp_path / "photo.png")
    rgba = [through_floats.rgb]
    rgba += [] if through_floats.alpha is None else [through_floats.alpha]
    deep = NET(np.dstack(rgba), color=color, tile=tile)
    eight = NET(tmp_path / "photo.png", color=color, tile=tile, bits=8)
    assert eight.samples.dtype == np.uint8
    assert (eight.transparency is not None) == (mode == "RGBA")
    assert eight.transparency is None or eight.transparency.dtype == np.uint8
    for extension in ("png", "jpg"):
        deep.save(tmp_path / f"floats.{extension}")
        eight.save(tmp_path / f"eight.{extension}")
        of_floats, of_eight = (
            np.asarray(Image.open(tmp_path / f"{name}.{extension}")) for name in ("floats", "eight")
        )
        if (mode, extension) == ("RGBA", "jpg"):  # rounded once more: before it is laid on white
            laid = [Job(x.samples, x.transparency, SaveOptions(), None, "") for x in (deep, eight)]
            whites = [job.on_white().astype(int) for job in laid]
            assert np.abs(whites[0] - whites[1]).max() == 1
        else:
            np.testing.assert_array_equal(of_eight, of_floats)
    np.testing.assert_array_equal(eight.image, np.dstack([eight.samples, *_alpha(eight)]))


def _alpha(stylised):
    return [] if stylised.transparency is None else [stylised.transparency]


def test_bits_are_kept_where_they_are_asked_for(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    floats = NET(tmp_path / "photo.png")
    np.testing.assert_array_equal(NET(tmp_path / "photo.png", bits=16).samples, floats.samples)
    small = NET(tmp_path / "photo.png", size=45, bits=8)
    larger = NET(tmp_path / "photo.png", size=45).samples
    np.testing.assert_array_equal(small.samples, np.rint(larger * np.float32(255)))
    with pytest.raises(OptionsError, match="--bits must be 8 or 16"):
        NET(PHOTO, bits=12)


def test_of_several_there_are_several():
    sources = [PHOTO, making.photo(20, 30)]
    found = NET(sources)
    assert [one.rgb.shape for one in found] == [(70, 90, 3), (20, 30, 3)]
    np.testing.assert_array_equal(found[1].rgb, NET(sources[1]).rgb)
    assert NET([]) == []


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_gives_a_tensor(kind):
    photos = [making.photo(40, 50, seed) for seed in (0, 1)]
    batch = torch.from_numpy(np.concatenate([making.planes(rgb) for rgb in photos])).to(kind)
    found = NET(batch)
    assert (found.shape, found.dtype, found.device) == (batch.shape, kind, batch.device)
    assert found.is_contiguous()
    one = NET(batch[1])
    assert torch.equal(one, found[1])
    expected = truth(batch[1].float().permute(1, 2, 0).numpy())
    tolerance = CLOSE + torch.finfo(kind).eps
    np.testing.assert_allclose(one.float().permute(1, 2, 0), expected, atol=tolerance)
    small = NET(batch, size=25)
    assert small.shape == (2, 3, 20, 25)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, 8, 8, dtype=torch.uint8),
        torch.zeros(8, 8, 3),
        torch.zeros(8, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(1, 3, 0, 8),
        torch.zeros(1, 1, 3, 8, 8),
        torch.full((3, 8, 8), 255.0),
    ],
)
def test_a_tensor_that_is_no_picture(tensor):
    with pytest.raises(ImageError, match=r"is not a picture|scale them to 0 to 1"):
        NET(tensor)


def test_transparency_is_kept(tmp_path):
    alpha = np.random.default_rng(0).uniform(0.01, 1, (70, 90)).astype(np.float32)
    rgba = np.dstack([PHOTO / 255, alpha])
    found = NET(rgba)
    np.testing.assert_array_equal(found.alpha, alpha)
    np.testing.assert_array_equal(found.rgb, NET(PHOTO / 255).rgb)
    assert found.image.mode == "RGBA"
    found.save(tmp_path / "out.png")
    np.testing.assert_allclose(read_picture(tmp_path / "out.png").alpha, alpha, atol=HALF_A_STEP)
    small = NET(rgba, size=45)
    assert small.alpha.shape == small.rgb.shape[:2] == (35, 45)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_of_two_greys_nothing_coloured_is_made(kind):
    grey, coloured = (random_pack("a", "b", grey=told) for told in (True, False))
    photo = PHOTO if kind == np.uint8 else (PHOTO / 255).astype(np.float32)
    without = np.repeat(photo[:, :, :1], 3, axis=2)
    shares = {"a": 0.5, "b": 0.5}
    made = Network(grey, shares)(without)
    assert made.samples.dtype == kind
    assert np.ptp(made.rgb, axis=2).max() == 0
    before = Network(coloured, shares)(without)
    assert np.ptp(before.rgb, axis=2).max() > 0.1
    np.testing.assert_allclose(made.rgb[:, :, 0], luma(before.rgb), atol=0.01)
    assert np.ptp(Network(grey, shares)(photo).rgb, axis=2).max() > 0.1


def test_another_seed_is_another_painting_of_the_same_photo():
    rgb = making.photo(70, 90)
    for seed in (0, 7):
        np.testing.assert_allclose(NET(rgb, seed=seed).rgb, truth(rgb, seed=seed), atol=CLOSE)
    assert np.abs(NET(rgb, seed=7).rgb - NET(rgb).rgb).max() > 0.05
    np.testing.assert_array_equal(NET(rgb, seed=7, strength=0).rgb, rgb)


def test_a_tensor_is_painted_as_an_array_is():
    """By PyTorch it stays where it is, a batch at a time; by ONNX Runtime, through arrays."""
    rgb = np.stack([making.photo(70, 90, seed) for seed in (0, 1)])
    batch = torch.from_numpy(rgb.transpose(0, 3, 1, 2))
    for backend in ("torch", "onnx"):
        net = network(backend=backend)
        for tile in ("auto", 64):
            found = net(batch, strength=0.8, seed=3, tile=tile)
            assert found.dtype == torch.float32
            for one, array in zip(found, rgb, strict=True):
                expected = net(array, strength=0.8, seed=3).rgb
                np.testing.assert_allclose(one.permute(1, 2, 0), expected, atol=CLOSE)
        assert net(batch[0].double()).dtype == torch.float64


def test_the_long_side_can_be_chosen():
    for size in (33, 120):
        assert NET(PHOTO, size=size).rgb.shape == (round(70 * size / 90), size, 3)
    same = NET(PHOTO / 255, size=90)
    np.testing.assert_array_equal(same.rgb, NET(PHOTO / 255).rgb)


def test_tiles_and_their_progress():
    seen = []
    expected = NET(PHOTO / 255, progress=lambda *_: seen.append(_))
    assert seen == []
    found = NET(PHOTO / 255, tile=64, progress=lambda *done: seen.append(done))
    assert seen[-1][0] == seen[-1][1] == len(seen) > 9
    np.testing.assert_allclose(found.rgb, expected.rgb, atol=CLOSE)
    assert found.recipe["ran"]["tile"] == 64
    assert expected.recipe["ran"]["tile"] is None


def test_it_shows_and_saves_itself_with_its_recipe(tmp_path):
    found = NET(PHOTO / 255, strength=0.8, color="photo", size=60)
    np.testing.assert_array_equal(np.asarray(found), found.rgb)
    assert np.asarray(found, np.float64).dtype == np.float64
    shown = Image.open(io.BytesIO(found._repr_png_()))
    np.testing.assert_array_equal(np.asarray(shown), np.rint(found.rgb * 255))
    found.save(tmp_path / "out.png")
    np.testing.assert_array_equal(Image.open(tmp_path / "out.png"), np.asarray(found.image))
    found.save(tmp_path / "out.tif", bits=16)
    deep = read_picture(tmp_path / "out.tif").rgb
    np.testing.assert_allclose(deep, found.rgb, atol=0.51 / 65535)
    recipe = read_recipe(tmp_path / "out.tif")
    sha256 = recipe["content"].pop("sha256")
    assert sha256 == read_picture(PHOTO / 255).sha256
    assert recipe == {
        "kind": "apply",
        "version": impasto.__version__,
        "model": {
            "name": "turbo",
            "architecture": "turbo",
            "body": NET.pack.body,
            "rows": {name: NET.pack.row(name).sha256 for name in SHARES},
        },
        "shares": SHARES,
        "strength": 0.8,
        "color": "photo",
        "style_scale": 1.0,
        "seed": 0,
        "mask": [],
        "size": 60,
        "content": {"name": "<memory>"},
        "ran": {"backend": "onnx", "device": "cpu", "tile": None},
        "save": {"jpeg_quality": 95, "bits": 16},
    }
    assert repr(found) == "<Stylised 60x47, wave:3, starry:1>"
    assert repr(NET) == "<Network 'turbo', wave:3, starry:1, onnx on cpu>"
    with pytest.raises(OptionsError, match="did you mean 'jpeg_quality'"):
        found.save(tmp_path / "out.png", jpeg_qualty=3)


def test_a_picture_in_bytes_is_one_too(tmp_path):
    found = NET(PHOTO)
    np.testing.assert_array_equal(np.asarray(found), found.samples / np.float32(255))
    np.testing.assert_array_equal(np.asarray(found.image), found.samples)
    found.save(tmp_path / "out.png")
    np.testing.assert_array_equal(Image.open(tmp_path / "out.png"), found.samples)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(found, copy=False)
    with pytest.raises(ImageError, match="--max-pixels"):
        NET(PHOTO, read=ReadOptions(max_pixels=100))


@pytest.mark.parametrize("color", ["photo", "luminance"])
def test_the_photo_s_colours_can_stay(color):
    rgb = making.photo(70, 90)
    seen = rgb if color == "photo" else grey(rgb)
    found = NET(rgb, color=color).rgb
    expected = luma(truth(seen))
    np.testing.assert_allclose(luma(found), expected, atol=CLOSE)
    assert np.abs(expected - luma(rgb)).mean() > 0.05  # the luminance is another
    chroma, photos = (x - luma(x)[:, :, None] for x in (found, rgb))
    room = (found.min(axis=2) > 1e-3) & (found.max(axis=2) < 1 - 1e-3)
    assert room.mean() > 0.2
    np.testing.assert_allclose(chroma[room], photos[room], atol=1e-5)
    grey_photo = NET(grey(rgb), color=color).rgb
    np.testing.assert_allclose(grey_photo, grey(grey_photo), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 2}, "--strength must be at least 0 and at most 1.5"),
        ({"color": "foto"}, "did you mean 'photo'"),
        ({"size": 0}, "--size must be"),
        ({"style_scale": 3}, "--style-scale must be at least 0.5 and at most 2"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"tile": 3}, "--tile must be"),
        ({"tiles": 3}, "unknown option 'tiles'; did you mean 'tile'"),
        ({"backend": "torch"}, "backend applies to the network"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionsError, match=message):
        NET(PHOTO, **options)


def test_shares_are_checked_at_once():
    with pytest.raises(OptionsError, match="did you mean 'wave'"):
        Network(making.pack(), {"wav": 1})
    with pytest.raises(OptionsError, match="not all 0"):
        Network(making.pack(), {"wave": 0})
    with pytest.raises(ImageError, match="a dict is not a picture"):
        NET({})


APPLY = """
import json, sys
import impasto
net = impasto.load(sys.argv[1], device="cpu", backend=sys.argv[3])
net(sys.argv[2], strength=0.7, color="photo", size=80).save(sys.argv[4])
net(sys.argv[2], tile=64).save(sys.argv[4])
print(json.dumps(sorted(sys.modules)))
"""


def test_loaded_by_name_and_applied_without_pytorch(tmp_path):
    pack, photo, out = (tmp_path / name for name in ("my.safetensors", "photo.png", "out.png"))
    write_pack(making.pack(), pack)
    Image.fromarray(PHOTO).save(photo)
    for backend, absent in (("auto", "torch"), ("torch", "onnxruntime")):
        words = (f"{pack}/wave:3,starry:1", str(photo), backend, str(out))
        done = subprocess.run(
            [sys.executable, "-c", APPLY, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        modules = json.loads(done.stdout)
        assert absent not in modules
        expected = truth((PHOTO / 255).astype(np.float32))
        # Packs keep weights in half.
        np.testing.assert_allclose(np.asarray(Image.open(out)) / 255, expected, atol=0.02)
        recipe = read_recipe(out)
        assert recipe["shares"] == SHARES
        assert recipe["model"]["name"] == str(pack)
        assert len(recipe["model"]["body"]) == 64
        assert recipe["model"]["rows"].keys() == SHARES.keys()


@pytest.mark.cuda
def test_a_gpu_paints_what_the_processor_paints():
    rgb = making.photo(200, 300)
    net = Network(making.pack("quality"), SHARES, backend="torch", device="cuda")
    expected = Network(making.pack("quality"), SHARES, backend="torch", device="cpu")(rgb).rgb
    np.testing.assert_allclose(net(rgb).rgb, expected, atol=5e-3)
    batch = torch.from_numpy(rgb.transpose(2, 0, 1)[None]).cuda().expand(3, -1, -1, -1)
    found = net(batch)
    assert found.device == batch.device
    np.testing.assert_allclose(found[2].permute(1, 2, 0).cpu(), expected, atol=5e-3)
