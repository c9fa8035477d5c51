"""Clients of IBM's MAX Fast Neural Style Transfer, as its README and its own tests call it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import needs
from impasto.studio import styles
from impasto.zoo import registry
from studio.serving import PHOTO, Served, decoded, drawn, encoded, own_styles, served
from zoo.making import write


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("max")
    styles = ("mosaic", "candy", "rain-princess", "udnie")
    with served(folder, styles=styles) as found:
        yield found


def predict(api: Served, query: str = "", image: bytes = PHOTO):
    return api.client.post(
        f"/model/predict{query}", files={"image": ("flowers.jpg", image, "image/jpeg")}
    )


@pytest.mark.parametrize("model", ["mosaic", "candy", "rain_princess", "udnie"])
def test_each_of_its_models_answers_a_jpeg_with_sides_rounded_up_to_4(api: Served, model: str):
    answer = predict(api, f"?model={model}", encoded(drawn(62, 29), "JPEG"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    picture = decoded(answer.content)
    assert (picture.format, picture.size) == ("JPEG", (64, 32))
    photo = np.asarray(decoded(encoded(drawn(62, 29), "JPEG")))
    ours = api.client.post(
        "/v1/stylize",
        files={
            "photo": encoded(Image.fromarray(np.pad(photo, ((0, 3), (0, 2), (0, 0)), "reflect")))
        },
        data={"style": model.replace("_", "-"), "format": "png"},
    )
    plain = encoded(decoded(ours.content), "JPEG")  # as Pillow does by default
    assert np.array_equal(np.asarray(picture), np.asarray(decoded(plain)))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (64, 48)])
def test_transparent_and_tiny_images_are_taken(api: Served, size: tuple[int, int]):
    image = drawn(*size).convert("RGBA")
    answer = predict(api, image=encoded(image))
    assert decoded(answer.content).size == tuple(-(-side // 4) * 4 for side in size)


def test_an_imported_model_wins_over_one_that_comes_with_impasto(tmp_path: Path):
    with served(tmp_path, styles=()) as api:
        write(registry.BUNDLED / "quality.safetensors", "udnie", "wave", seed=1)
        write(tmp_path / "models" / "mine.safetensors", "udnie", seed=2)
        photo = {"photo": PHOTO}

        def stylized(style: str) -> bytes:
            return api.client.post("/v1/stylize", files=photo, data={"style": style}).content

        def closest(answer: bytes) -> str:
            wanted = np.asarray(decoded(answer), float)
            packs = ("mine/udnie", "quality/udnie", "quality/wave")
            made = {name: np.asarray(decoded(stylized(name)), float) for name in packs}
            return min(made, key=lambda name: np.abs(made[name] - wanted).mean())

        assert closest(predict(api, "?model=udnie").content) == "mine/udnie"
        assert closest(predict(api, "?model=quality/udnie").content) == "quality/udnie"
        assert closest(predict(api, "?model=wave").content) == "quality/wave"
        assert closest(stylized("udnie")) == "quality/udnie"


def test_without_a_model_it_is_the_default(api: Served):
    assert predict(api).content == predict(api, "?model=mosaic").content


def test_the_model_may_come_in_the_form_as_well(api: Served):
    answer = api.client.post("/model/predict", files={"image": PHOTO}, data={"model": "udnie"})
    assert answer.content == predict(api, "?model=udnie").content


@pytest.mark.parametrize("extension", ["PNG", "JPEG", "TIFF"])
def test_its_kinds_of_images_are_taken(api: Served, extension: str):
    assert predict(api, image=encoded(drawn(), extension)).status_code == 200


@pytest.mark.parametrize(
    ("query", "image", "says"),
    [
        ("", b"# IBM Code Model Asset Exchange", "the image is not a picture"),
        ("", b"", "the image is empty"),
        ("?model=nothing", PHOTO, "there is no style 'nothing'"),
        ("?model=no_such_model", PHOTO, "there is no style"),
        ("?model=../x", PHOTO, "no pack"),
    ],
)
def test_what_is_wrong_is_400_with_a_message(api: Served, query: str, image: bytes, says: str):
    answer = predict(api, query, image)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["status"] == "error"
    assert says in answer.json()["message"]


def test_a_form_without_an_image_is_400(api: Served):
    answer = api.client.post("/model/predict", files={"photo": PHOTO})
    assert answer.status_code == 400
    assert "did you mean" in answer.json()["message"] or "image" in answer.json()["message"]
    assert api.client.post("/model/predict").json()["status"] == "error"


def test_metadata_is_what_its_tests_look_for(api: Served):
    found = api.client.get("/model/metadata").json()
    assert found["id"] == "max-fast-neural-style-transfer"
    assert found["name"] == "MAX Fast Neural Style Transfer"
    assert found["type"] == "Image-To-Image Translation"
    assert set(found) == {"id", "name", "description", "type", "license", "source"}
    assert "max-fast-neural-style-transfer" in found["source"]


def test_swagger_is_what_its_tests_look_for(api: Served):
    answer = api.client.get("/swagger.json")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found["swagger"] == "2.0"
    assert found["info"]["title"] == "MAX Fast Neural Style Transfer"
    assert found["info"]["description"] == (
        "Generate a new image that mixes the content of a source image with the style of another "
        "image."
    )
    (image, model) = found["paths"]["/model/predict"]["post"]["parameters"]
    assert (image["name"], image["type"], image["in"]) == ("image", "file", "formData")
    assert model["default"] == "mosaic"
    assert "udnie" in model["enum"]


def test_what_is_imported_while_it_runs_is_there_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(styles, "_LOOK_EVERY", 0)
    with served(tmp_path, styles=()) as api:
        assert predict(api, "?model=late").status_code == 400
        own_styles(tmp_path / "models", "late")
        assert predict(api, "?model=late").status_code == 200


@needs.needs(needs.CURL, shutil.which("curl"))
def test_curl_as_in_the_readme(api: Served, tmp_path):
    (tmp_path / "bridge.jpg").write_bytes(encoded(drawn(80, 60), "JPEG"))
    address = f"{api.url}/model/predict?model=udnie"
    subprocess.run(
        f'curl -s -F "image=@bridge.jpg" -XPOST {address} > result.jpg',
        shell=True,
        check=True,
        cwd=tmp_path,
    )
    picture = decoded((tmp_path / "result.jpg").read_bytes())
    assert (picture.format, picture.size) == ("JPEG", (80, 60))
