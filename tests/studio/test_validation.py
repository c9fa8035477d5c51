"""What comes in is checked before it costs anything, and kept whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from impasto.errors import ImageError, OptionsError
from impasto.images.header import TooManyPixels
from impasto.options import PaintOptions
from impasto.painter import Painter
from impasto.studio.context import Studio
from impasto.studio.jobs import KeyReused, QueueFull
from impasto.studio.requests import PaintRequest
from impasto.studio.settings import read
from impasto.studio.validation import MAX_STYLES, accept_paint, check_picture, check_request
from studio.serving import PAINTING, PHOTO, drawn, encoded

SETTINGS = read(max_size=1000, max_steps=300, max_pixels=10_000)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    found = Studio(read(data=str(tmp_path / "data"), max_jobs=2))
    yield found
    found.close()


def order(**paint: object) -> PaintRequest:
    return PaintRequest(paint={"size": 64, **paint})


def test_a_picture_is_measured():
    assert check_picture(PHOTO, SETTINGS) == (64, 48)


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", ImageError, "the photo is empty"),
        (b"GIF89a", ImageError, "the photo is"),
        (b"<html>", ImageError, "web page"),
        (encoded(drawn(101, 100)), TooManyPixels, "the photo has 101x100 pixels"),
    ],
)
def test_what_is_no_picture_is_said_of_what_it_is(data: bytes, kind: type, says: str):
    with pytest.raises(kind, match=says):
        check_picture(data, SETTINGS, "the photo")


@pytest.mark.parametrize(
    ("paint", "styles", "says"),
    [
        ({"size": 1001}, 1, "--size is at most 1000 here, got 1001"),
        ({"steps": 301}, 1, "--steps is at most 300"),
        ({"quality": "best"}, 1, "--steps is at most 300 here, got 500"),
        ({"budget": "2h"}, 1, "--budget is at most 3600"),
        ({"size": 1000, "style_scale": 2.1}, 1, "--style-scale must be at most 2 "),
        ({"style_scale": "0.5,20", "size": 1000}, 2, "--style-scale"),
        ({}, 0, "1 to 8 times, got 0"),
        ({}, MAX_STYLES + 1, "got 9"),
        ({"blend": "0.5,0.5"}, 3, "--blend has 2 shares, but 3 styles"),
        ({"blend": "relu1_1=1,0 relu4_1=1,2,3"}, 2, "--blend has 3 shares, but 2 styles"),
        ({"style_scale": "1,2,3"}, 1, "--style-scale has 3 numbers, but 1 styles"),
        ({"style_scale": "1,2,3", "size": 1000}, 1, "--style-scale has 3 numbers"),
        ({"style_scale": "1,1.5"}, 3, "--style-scale has 2 numbers, but 3 styles"),
    ],
)
def test_an_order_beyond_the_studios_bounds_is_refused(paint: dict, styles: int, says: str):
    with pytest.raises(OptionsError, match=says):
        check_request(PaintRequest(paint=paint), SETTINGS, styles)


@pytest.mark.parametrize(
    ("paint", "styles"),
    [
        ({"size": 1000, "style_scale": 2}, 1),
        ({"budget": "1h"}, 1),
        ({"blend": "0.5,0.5"}, 2),
        ({"blend": "relu1_1=1,0 relu4_1=1,2"}, 2),
    ],
)
def test_an_order_within_them_is_taken(paint: dict, styles: int):
    check_request(PaintRequest(paint=paint), SETTINGS, styles)


@pytest.mark.parametrize(
    ("photo", "painting", "paint"),
    [
        ((64, 48), (56, 56), {}),
        ((64, 7), (56, 56), {}),
        ((64, 8), (56, 56), {"content_layers": "relu4_2", "style_layers": "relu1_1,relu4_1"}),
        ((640, 70), (56, 56), {}),
        ((64, 15), (56, 56), {"style_layers": "relu1_1,relu5_1"}),
        ((64, 64), (640, 20), {}),
        ((64, 64), (640, 160), {"style_layers": "relu1_1,relu5_1"}),
        ((64, 64), (56, 56), {"style_scale": 0.1}),
        ((64, 3), (56, 56), {"style_layers": "relu1_1", "content_layers": "relu2_2"}),
        ((64, 1), (56, 56), {"style_layers": "relu1_1", "content_layers": "relu1_1"}),
        ((64, 20), (56, 56), {"preset": "paper"}),
    ],
)
def test_pictures_are_too_small_for_the_studio_where_they_are_for_the_painter(
    studio: Studio, photo: tuple[int, int], painting: tuple[int, int], paint: dict
):
    request = order(**paint)
    content, style = encoded(drawn(*photo)), encoded(drawn(*painting))
    found = []
    for attempt in (
        lambda: Painter(content, [style], request.options(device="cpu")),
        lambda: accept_paint(studio, "ada", content, [style], request),
    ):
        try:
            attempt()
            found.append("")
        except (OptionsError, ImageError) as error:
            found.append(str(error))
    assert bool(found[0]) == bool(found[1]), found
    assert all("too small" in said for said in found if said)


def test_a_job_has_its_files_before_it_is_there(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    accept = studio.store.accept

    def look(*given, id: str, **more):
        assert studio.files.get(id, "photo") == PHOTO
        assert studio.files.get(id, "style-0") == PAINTING
        return accept(*given, id=id, **more)

    monkeypatch.setattr(studio.store, "accept", look)
    job = accept_paint(studio, "ada", PHOTO, [PAINTING], order())
    assert (job.owner, job.kind, job.state) == ("ada", "paint", "queued")
    assert PaintRequest.of(job.request) == order()


def test_what_is_refused_leaves_no_files(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    for _ in range(2):
        accept_paint(studio, "ada", PHOTO, [PAINTING], order())
    kept = sorted(studio.files.jobs())
    with pytest.raises(QueueFull):
        accept_paint(studio, "ada", PHOTO, [PAINTING], order())
    with pytest.raises(ImageError):
        accept_paint(studio, "ben", b"nonsense", [PAINTING], order())
    monkeypatch.setattr(studio.store, "accept", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        accept_paint(studio, "ben", PHOTO, [PAINTING], order())
    assert sorted(studio.files.jobs()) == kept


def test_files_stay_while_nobody_knows_whether_the_job_was_taken(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    """The database took the job, but the connection broke before it said so."""
    accept = studio.store.accept

    def accepted(*given, **more):
        accept(*given, **more)
        raise OperationalError("", None, Exception("the connection broke"))

    monkeypatch.setattr(studio.store, "accept", accepted)
    with pytest.raises(OperationalError):
        accept_paint(studio, "ada", PHOTO, [PAINTING], order())
    (job,) = studio.store.jobs("ada")
    assert studio.files.get(job.id, "photo") == PHOTO


def test_a_key_that_came_before_is_the_job_that_it_made(studio: Studio):
    first = accept_paint(studio, "ada", PHOTO, [PAINTING], order(), "key")
    assert accept_paint(studio, "ada", PHOTO, [PAINTING], order(), "key") == first
    assert accept_paint(studio, "ben", PHOTO, [PAINTING], order(), "key").id != first.id
    for photo, paintings, other in (
        (PAINTING, [PAINTING], order()),
        (PHOTO, [PHOTO], order()),
        (PHOTO, [PAINTING, PAINTING], order()),
        (PHOTO, [PAINTING], order(seed=1)),
    ):
        with pytest.raises(KeyReused):
            accept_paint(studio, "ada", photo, paintings, other, "key")
    assert len(studio.files.jobs()) == 2


def test_a_full_house_still_answers_a_key_it_knows(studio: Studio):
    first = accept_paint(studio, "ada", PHOTO, [PAINTING], order(), "key")
    accept_paint(studio, "ada", PHOTO, [PAINTING], order())
    assert accept_paint(studio, "ada", PHOTO, [PAINTING], order(), "key") == first


def test_a_picture_that_would_be_too_narrow_is_refused_now(studio: Studio):
    with pytest.raises(ImageError, match="64x6 pixels, too small"):
        accept_paint(studio, "ada", encoded(drawn(500, 50)), [PAINTING], order())


def test_what_paint_options_take_orders_take(studio: Studio):
    whole = order(style_layers="relu1_1:2,relu2_1", blend="1", content_weight=3.0, budget="1m")
    job = accept_paint(studio, "ada", PHOTO, [PAINTING], whole)
    again = PaintRequest.of(studio.store.job(job.id).request)
    assert again.options() == whole.options()
    assert isinstance(again.options(), PaintOptions)
