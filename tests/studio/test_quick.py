"""Quick: networks shared by threads, pictures read no larger than needed, a bounded line."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.apply.network import Network
from impasto.apply.passes import bytes_of, sizes_of, work_of
from impasto.errors import ImageError, OptionsError, WeightsError
from impasto.images.header import Header, TooManyPixels, measure
from impasto.options import ApplyOptions, ReadOptions
from impasto.studio import quick, styles
from impasto.studio.fair_pool import PoolFull
from impasto.studio.quick import Asked, Quick
from impasto.studio.settings import read
from impasto.zoo import registry
from patience import wait_for
from studio.serving import PHOTO, decoded, drawn, encoded, own_styles
from zoo.making import write

BUNDLED = registry.BUNDLED


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(registry, "BUNDLED", tmp_path / "bundled")
    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path / "own")
    monkeypatch.setattr(styles, "_LOOK_EVERY", 0.0)
    return tmp_path / "own"


@pytest.fixture
def made(models: Path):
    own_styles(models, "wave", "starry")
    found = Quick(read(at_once=2, max_waiting=1))
    yield found
    found.close()


# Styles.


def test_styles_come_and_go_with_their_packs(models: Path):
    found = Quick(read())
    assert found.styles() == []
    assert found.default is None
    own_styles(models, "wave")
    assert [style.name for style in found.styles()] == ["wave"]
    assert found.default == "wave"
    write(models / "zebra.safetensors", "zebra", "wave")
    assert [(style.name, style.pack) for style in found.styles()] == [
        ("wave", "own"),
        ("zebra", "zebra"),
    ]
    (models / "own.safetensors").unlink()
    assert {style.pack for style in found.styles()} == {"zebra"}
    found.close()


def test_the_default_is_that_of_the_settings(models: Path):
    own_styles(models, "wave", "starry")
    found = Quick(read(style="starry"))
    assert found.default == "starry"
    found.close()


def test_a_pack_that_is_replaced_is_used_as_it_is_now(made: Quick, models: Path):
    before = made.stylise(PHOTO, "wave", format="png")
    write(models / "own.safetensors", "wave", "starry", seed=7)
    assert made.stylise(PHOTO, "wave", format="png") != before


def test_a_broken_pack_does_not_hide_the_others(made: Quick, models: Path):
    (models / "a.safetensors").write_bytes(b"nonsense")
    assert [style.name for style in made.styles()] == ["wave", "starry"]
    made.check(Asked("wave"))
    with pytest.raises(WeightsError):
        made.check(Asked("a/wave"))


@pytest.mark.parametrize(
    "spec",
    ["/etc/passwd", "../own/wave", "own.safetensors", "wave,", "wave:inf", "wave:-1",
     "wave:.", "wave,wave", "own/wave,other/starry", "", " ", "\0", "wave\0", "wave/" * 100],
)  # fmt: skip
def test_what_names_no_style_is_refused_without_looking_at_files(
    made: Quick, spec: str, monkeypatch: pytest.MonkeyPatch
):
    made.styles()
    for name in ("opened", "known"):
        monkeypatch.setattr(registry, name, lambda *_: pytest.fail("files were looked at"))
    with pytest.raises(OptionsError):
        made.check(Asked(spec))


def test_packs_are_read_once(made: Quick, monkeypatch: pytest.MonkeyPatch):
    made.check(Asked("wave:0.5,starry:0.5"))
    monkeypatch.setattr(registry, "known", lambda: pytest.fail("read again"))
    monkeypatch.setattr(registry, "resolve", lambda _: pytest.fail("read again"))
    made.check(Asked("wave:0.1,starry:0.9"))
    assert len(made.styles()) == 2


def test_strength_is_checked_against_the_pack(models: Path):
    write(models / "net.safetensors", "mosaic", size="transformer-net")
    found = Quick(read())
    found.check(Asked("mosaic"))
    with pytest.raises(OptionsError, match="cannot vary its strength"):
        found.check(Asked("mosaic", ApplyOptions(strength=0.5)))
    with pytest.raises(OptionsError, match="style-scale cannot vary"):
        found.check(Asked("mosaic", ApplyOptions(style_scale=0.5)))
    found.close()


# The line.


def test_side_by_side_is_as_one_after_the_other(made: Quick):
    wanted = ["wave", "starry", "wave:0.5,starry:0.5", "wave"] * 4
    alone = {style: made.stylise(PHOTO, style, format="png") for style in set(wanted)}
    line = Quick(read(at_once=4, max_waiting=100))
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda style: line.stylise(PHOTO, style, format="png"), wanted))
    assert found == [alone[style] for style in wanted]
    line.close()


def test_who_is_too_many_is_told_at_once(made: Quick):
    go = threading.Event()
    waiting = [made.begin("ada", go.wait) for _ in range(3)]
    with pytest.raises(PoolFull):
        made.begin("ada", go.wait)
    go.set()
    for one in waiting:
        one.result()
    wait_for(lambda: made.taken == 0)
    made.stylise(PHOTO, "wave")


def test_a_place_is_free_again_after_an_error(made: Quick):
    for _ in range(5):
        with pytest.raises(ImageError):
            made.stylise(b"nonsense", "wave")
        with pytest.raises(OptionsError):
            made.stylise(PHOTO, "nothing")
        with pytest.raises(OptionsError):
            made.stylise(PHOTO, "wave", format="gif")
    assert made.taken == 0


def test_large_pictures_get_networks_of_their_own_one_at_a_time(
    made: Quick, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(quick, "_ALONE", 1)
    monkeypatch.setattr(quick, "_KEEP", 0)
    side_by_side, most = 0, 0
    real = quick.Network.stylise

    def stylise(*given, **options):
        nonlocal side_by_side, most
        side_by_side += 1
        most = max(most, side_by_side)
        result = real(*given, **options)
        side_by_side -= 1
        return result

    monkeypatch.setattr(quick.Network, "stylise", stylise)
    with ThreadPoolExecutor(2) as clients:
        large = list(clients.map(lambda _: made.stylise(PHOTO, "wave", format="png"), range(3)))
    assert most == 1
    assert len(set(large)) == 1


# Drafts.


@pytest.fixture
def sizes(models: Path):
    """The same styles in networks of three sizes, and one more in the smallest alone."""
    for size in ("quality", "standard", "turbo"):
        write(models / f"{size}.safetensors", "wave", "starry", size=size)
    write(models / "zebra.safetensors", "zebra", size="turbo")
    found = Quick(read())
    yield found
    found.close()


def test_a_name_means_the_largest_network_and_fast_a_smaller_one(sizes: Quick):
    def size(spec: str, **options: bool) -> str:
        return sizes.catalogue.find(spec, **options)[0].card.architecture

    assert size("wave") == "quality"
    assert size("wave:0.3,starry:0.7", fast=True) == "standard"
    assert size("zebra", fast=True) == "turbo"
    with pytest.raises(OptionsError, match="names a pack, which conflicts"):
        size("turbo/wave", fast=True)
    assert sizes.catalogue.lighter("wave") == [
        "standard/wave:1.000000000",
        "turbo/wave:1.000000000",
    ]
    assert sizes.catalogue.lighter("zebra") == []
    assert sizes.catalogue.lighter("quality/wave") == []


@pytest.mark.parametrize(
    ("side", "style_scale", "size", "drawn"),
    [
        (256, 1, None, 256),  # quick enough as it is
        (768, 1, "standard", 768),
        (1024, 1, "standard", 896),
        (2048, 1, "standard", 896),
        (768, 2, "standard", 768),
        (768, 0.5, "turbo", 512),
        (4000, 0.5, "turbo", 512),
    ],
)
def test_a_draft_is_of_little_work(
    sizes: Quick, side: int, style_scale: float, size: str | None, drawn: int
):
    options = ApplyOptions(size=side, style_scale=style_scale, seed=7, strength=0.5)
    asked = Asked("wave", options)
    draft = sizes.draft(asked, encoded(Image.new("RGB", (300, 300))))
    found, (pack, shares) = draft.options, sizes.catalogue.find(draft.style)
    assert shares == {"wave": 1.0}
    assert pack.card.architecture == (size or "quality")
    assert (found.style_scale, found.seed, found.strength) == (style_scale, 7, 0.5)
    assert found.size == drawn
    work = work_of(pack, found, drawn, drawn)
    assert work <= quick._DRAFT_WORK
    assert bytes_of(pack, found, drawn, drawn) <= quick._KEEP
    if size is None:
        assert draft == asked


def test_what_there_is_one_network_of_has_no_draft(sizes: Quick):
    for style in ("zebra", "quality/wave"):
        asked = Asked(style, ApplyOptions(size=4000))
        assert sizes.draft(asked, PHOTO) == asked


def test_a_draft_looks_like_the_picture_that_follows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "BUNDLED", BUNDLED)
    shipped = Quick(read())
    photo, options = encoded(drawn(384, 288, seed=4), "PNG"), {"size": 384}
    whole, _ = shipped.stylise(photo, "starry", format="png", **options)
    pictures = [np.asarray(decoded(whole).resize((96, 72)), float)]
    for style in [*shipped.catalogue.lighter("starry"), "kiss"]:
        made, _ = shipped.stylise(photo, style, format="png", **options)
        pictures.append(np.asarray(decoded(made).resize((96, 72)), float))
    standard, turbo, other = (np.abs(one - pictures[0]).mean() for one in pictures[1:])
    assert standard < 0.7 * other
    assert turbo < 0.7 * other
    shipped.close()


# Masks.


def test_black_of_a_mask_leaves_the_photo(made: Quick):
    half = np.zeros((48, 64), np.uint8)
    half[:, 32:] = 255
    white, photo = encoded(Image.fromarray(half)), np.asarray(decoded(PHOTO).convert("RGB"))
    data, _ = made.stylise(PHOTO, "wave", mask=white, format="png")
    whole, _ = made.stylise(PHOTO, "wave", format="png")
    found, painted = np.asarray(decoded(data)), np.asarray(decoded(whole))
    assert np.array_equal(found[:, :31], photo[:, :31])
    assert np.array_equal(found[:, 33:], painted[:, 33:])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_masks_of_all_kinds_mean_what_apply_makes_of_them(made: Quick, mode: str):
    grey = Image.linear_gradient("L").resize((700, 500))
    mask = grey.convert(mode) if mode != "I;16" else Image.fromarray(np.asarray(grey, "u2") * 257)
    if mode == "RGBA":
        mask.putalpha(grey.rotate(180))
    data, _ = made.stylise(PHOTO, "wave", mask=encoded(mask), format="png")
    pack, shares = made.catalogue.find("wave")
    truth = Network(pack, shares, backend="onnx", device="cpu")(PHOTO, mask=encoded(mask), bits=8)
    apart = np.abs(np.asarray(decoded(data), float) - np.asarray(truth.image, float))
    assert apart.max() <= 2


# Pictures.


def test_a_size_is_checked_before_and_after(made: Quick):
    made.check_size(Asked("wave"), Header(4000, 3000))
    with pytest.raises(TooManyPixels, match="40000x30000 pixels, more than the 40,000,000"):
        made.check_size(Asked("wave", ApplyOptions(size=40_000)), Header(40, 30))
    with pytest.raises(TooManyPixels):
        made.stylise(PHOTO, "wave", size=40_000)


def test_a_slow_network_takes_smaller_photos(made: Quick):
    macs = made.catalogue.find("wave")[0].architecture.macs
    slow = Quick(read(max_work=1000 * macs / 1e9))
    slow.check_size(Asked("wave"), Header(40, 25))
    with pytest.raises(TooManyPixels, match=r"40x50 pixels, 2 times the work allowed in this"):
        slow.check_size(Asked("wave"), Header(40, 50))
    slow.close()


def test_every_pass_is_work(made: Quick):
    macs = made.catalogue.find("wave")[0].architecture.macs
    options = ApplyOptions(style_scale=2)
    passes = sizes_of(made.catalogue.find("wave")[0], options, 400, 300)
    assert len(passes) > 1
    total = sum(width * height for width, height in passes)
    for share, enough in ((1.01, True), (0.99, False)):
        bounded = Quick(read(max_work=share * total * macs / 1e9))
        with nullcontext() if enough else pytest.raises(TooManyPixels, match="times the work"):
            bounded.check_size(Asked("wave", options), Header(400, 300))
        bounded.close()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP"])
def test_headers_tell_the_size(format: str):
    image = drawn(37, 23)
    assert measure(encoded(image, format), ReadOptions()) == (37, 23)
    with pytest.raises(TooManyPixels, match="37x23"):
        measure(encoded(image, format), ReadOptions(max_pixels=850))


def test_headers_of_deep_tiffs_tell_the_size(tmp_path: Path):
    import tifffile

    data = np.zeros((5, 7, 3), np.float32)
    tifffile.imwrite(tmp_path / "deep.tif", data, photometric="rgb")
    assert measure((tmp_path / "deep.tif").read_bytes(), ReadOptions()) == (7, 5)


def test_a_header_costs_no_decoding(monkeypatch: pytest.MonkeyPatch):
    data = [encoded(drawn(), format) for format in ("JPEG", "PNG", "TIFF")]
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    assert [measure(one, ReadOptions()) for one in data] == [(64, 48)] * 3


def test_options_reach_the_recipe(made: Quick):
    data, kind = made.stylise(PHOTO, "starry", strength=0.5, color="photo", size=20, format="png")
    assert kind == "image/png"
    said = decoded(data).getexif()[0x010E]
    assert '"strength": 0.5' in said
    assert '"size": 20' in said
