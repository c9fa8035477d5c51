"""What the page asks of Quick: settings in links, masks, looks, and results that are kept."""

from __future__ import annotations

import base64
import errno
import html
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from impasto.zoo import exemplars
from studio.serving import ANN, BOB, PHOTO, Served, decoded, encoded, served
from zoo.making import write


def opening(studio: Served, query: str) -> dict[str, object]:
    text = studio.client.get(f"/{query}", headers=ANN).text
    return json.loads(html.unescape(re.search(r'data-opening="([^"]*)"', text)[1]))


@pytest.mark.parametrize(
    ("text", "style"),
    [("wave", "wave"), ("wave:3,starry:1", "wave:0.75,starry:0.25"), ("wave:1,starry:0", "wave")],
)
def test_a_link_has_a_style_or_a_mixture(keyed: Served, text: str, style: str):
    assert opening(keyed, f"?style={text}")["settings"] == {"style": style}


@pytest.mark.parametrize(
    "text",
    ["none", "wave,none", "own/wave", "x.safetensors/wave", "wave:x", "wave:0", "wave,starry,own"],
)
def test_a_link_with_another_mixture_is_complained_about(keyed: Served, text: str):
    found = opening(keyed, f"?style={text}")
    assert "style" not in found["settings"]
    assert len(found["complaints"]) == 1


def order(studio: Served, path: str, settings: dict[str, object], **more: object):
    body = {"photo": "sample:coffee", "settings": {"style": "wave", "size": 64, **settings}, **more}
    return studio.client.post(f"/studio/quick{path}", json=body, headers=ANN)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("nothing", "in base64"),
        (base64.b64encode(b"nothing").decode(), "the mask"),
        ("a" * 200_000, "at most"),
    ],
)
def test_a_mask_that_cannot_be_read_is_a_problem(keyed: Served, mask: str, said: str):
    answer = order(keyed, "", {"mask": mask})
    assert answer.status_code == 422
    assert said in answer.text


def test_a_mask_with_too_many_pixels_is_refused_before_it_is_decoded(keyed: Served):
    mask = base64.b64encode(encoded(Image.new("1", (9000, 9000), 1))).decode()
    made = order(keyed, "", {}).json()
    given = {"photo": {"source": "sample:coffee", "name": "Coffee"}, "source": made["source"]}
    for answer in (
        order(keyed, "", {"mask": mask}),
        order(keyed, "/finish", {"mask": mask}, **given, seconds=1),
    ):
        assert answer.status_code == 413, answer.text[:300]
        assert answer.json()["detail"].startswith("the mask has 9000x9000 pixels")


def test_a_swatch_is_not_a_photo(keyed: Served):
    """Swatches are made in the threads of Quick: work there must not wait for them."""
    answer = keyed.client.get("/studio/look/wave/swatch:starry", headers=ANN)
    assert answer.status_code == 404
    assert order(keyed, "", {}, photo="swatch:starry").status_code == 404


def test_the_text_of_a_style_is_bounded(keyed: Served):
    photo = {"source": "sample:coffee", "name": "Coffee"}
    source = order(keyed, "", {}).json()["source"]
    assert order(keyed, "/keep", {"style": "w" * 500}, photo=photo, source=source).is_client_error


def test_a_result_that_cannot_be_kept_leaves_no_files(
    keyed: Served, monkeypatch: pytest.MonkeyPatch
):
    photo = {"source": "sample:coffee", "name": "Coffee"}
    source, before = order(keyed, "", {}).json()["source"], keyed.studio.files.jobs()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keyed.studio.store, "accept", full)
    assert order(keyed, "/keep", {}, photo=photo, source=source).status_code == 503
    assert keyed.studio.files.jobs() == before


def test_a_look_is_small_and_belongs_to_who_has_the_photo(keyed: Served):
    source = keyed.client.post("/studio/photos", content=PHOTO, headers=ANN).json()["source"]
    address = f"/studio/look/wave/{source}"
    assert max(decoded(keyed.client.get(address, headers=ANN).content).size) == 160
    for path, who in (
        (address, BOB),
        ("/studio/look/none/sample:coffee", ANN),
        ("/studio/look/wave/sample:none", ANN),
    ):
        assert keyed.client.get(path, headers=who).status_code == 404


def test_a_bundled_style_is_painted_on_with_the_texture_of_its_painting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exemplars, "TEXTURES", tmp_path / "textures")
    (tmp_path / "textures").mkdir()
    write(tmp_path / "models" / "more.safetensors", "dots", sha256="6" * 64)
    Image.new("RGB", (96, 96), "#666").save(tmp_path / "textures" / f"{'6' * 16}.webp")
    settings = {"style": "dots", "style_scale": 2.0, "strength": 0.8}
    with served(tmp_path, styles=(), page=True) as studio:
        made = order(studio, "", settings).json()
        assert made["finishable"] is True
        given = {"photo": {"source": "sample:coffee", "name": "Coffee"}, "source": made["source"]}
        answer = order(studio, "/finish", settings, **given, seconds=1)
        assert answer.status_code == 200, answer.text
        job = studio.studio.store.job(answer.json()["id"])
        assert job.request["style_scale"] == [1.0]  # a texture is half of a painting
        assert job.request["strength"] == 0.8
        assert decoded(studio.studio.files.get(job.id, "style-0")).size == (96, 96)


def test_what_has_no_painting_is_not_painted_on(keyed: Served):
    made = order(keyed, "", {}).json()
    assert made["finishable"] is False
    given = {"photo": {"source": "sample:coffee", "name": "Coffee"}, "source": made["source"]}
    answer = order(keyed, "/finish", {}, **given, seconds=1)
    assert answer.status_code == 422
    assert "the painting of wave is not here" in answer.json()["detail"]
