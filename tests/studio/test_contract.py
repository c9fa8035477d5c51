"""The description of the API against the options it is derived from, and against what it does."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from impasto.options import ApplyOptions, PaintOptions
from impasto.studio import fields, liveness
from impasto.studio.requests import FORMATS, STEERED, PaintRequest
from studio.serving import PAINTING, PHOTO, Served, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings, strategies
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

EXAMPLES = 20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("contract")
    with (
        pytest.MonkeyPatch.context() as patch,
        served(folder, max_pixels=250_000, max_jobs=5, max_upload=2**18) as found,
    ):
        patch.setattr(liveness, "count", lambda _: 1)  # a worker that lives
        yield found


def properties(api: Served, path: str) -> dict:
    body = api.client.get("/v1/openapi.json").json()["paths"][path]["post"]["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    assert schema["additionalProperties"] is False
    return schema["properties"]


def plain(text: str) -> str:
    return fields._plain(text)


def test_jobs_take_what_orders_have(api: Served):
    said = properties(api, "/v1/jobs")
    own = {f.name: f for f in dataclasses.fields(PaintRequest) if f.name != "paint"}
    paint = {f.name: f for f in dataclasses.fields(PaintOptions) if f.name in STEERED}
    assert set(said) == {"photo", "painting", *own, *paint}
    assert set(paint) == set(STEERED)
    for name, field in {**paint, **own}.items():
        assert said[name]["description"] == plain(field.metadata["help"]), name
        assert said[name].get("default") == field.default, name
        if name != "init":
            choices = field.metadata.get("choices")
            assert said[name].get("enum") == (list(choices) if choices else None), name
        assert "--" not in said[name]["description"], name


def test_stylize_takes_what_apply_has(api: Served):
    said = properties(api, "/v1/stylize")
    apply = {f.name: f for f in dataclasses.fields(ApplyOptions)}
    taken = {"strength", "color", "style_scale", "seed", "size"}
    assert set(said) == {"photo", "mask", "painting", "style", "fast", "format", *taken}
    for name in taken:
        assert said[name]["description"] == plain(apply[name].metadata["help"])
        assert said[name].get("default") == apply[name].default
    assert said["color"]["enum"] == list(apply["color"].metadata["choices"])
    assert said["format"]["enum"] == list(FORMATS)
    assert (said["fast"]["type"], said["fast"]["default"]) == ("boolean", False)


@pytest.mark.parametrize("name", fields.PAINT)
def test_every_field_reaches_the_order(api: Served, name: str):
    given = {
        "size": 50, "steps": 4, "quality": "draft", "budget": "20s", "preset": "paper",
        "style_scale": 0.5, "content_weight": 2.5, "style_weight": 7, "tv_weight": 0.25,
        "content_layers": "relu3_2", "style_layers": "relu1_1:2,relu2_1", "init": "noise",
        "blend": "1", "seed": 7, "strength": 0.5, "color": "photo", "format": "webp",
    }  # fmt: skip
    others = {"steps": "", **({"size": "48"} if name != "size" else {})}
    answer = api.order(**{**others, name: given[name]})
    assert answer.status_code == 202, answer.text
    order = PaintRequest.of(answer.json()["order"])
    wanted = PaintRequest.of({"size": 48, name: given[name]})
    assert order.options() == wanted.options()
    assert (order.strength, order.color, order.format) == (
        wanted.strength,
        wanted.color,
        wanted.format,
    )
    api.client.delete(answer.json()["links"]["self"])


def test_the_examples_in_the_description_are_what_is_answered(api: Served):
    spec = api.client.get("/v1/openapi.json").json()
    job = api.order().json()
    assert set(spec["components"]["schemas"]["Job"]["example"]) == set(job)
    assert set(spec["components"]["schemas"]["Job"]["required"]) == set(job)
    api.client.delete(job["links"]["self"])


CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)
schemathesis.openapi.format("binary", strategies.sampled_from([PHOTO, PAINTING, b"", b"nonsense"]))


answered: Counter[tuple[str, int]] = Counter()
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_sent_is_answered_as_described(api: Served, mode: GenerationMode):
    def send(case: schemathesis.Case) -> None:
        answer = case.call(base_url=api.url, headers={"Prefer": "wait=0"})
        case.validate_response(answer, checks=list(CHECKS))
        answered[case.operation.path, answer.status_code] += 1
        for job in api.studio.store.jobs("local"):
            api.studio.store.cancel(job.id, "local")
            api.studio.forget(job.id)

    description = api.client.get("/v1/openapi.json").json()
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        if operation.body or operation.query or mode is GenerationMode.POSITIVE:
            BOUNDED(given(case=operation.as_strategy(mode))(send))()


def test_what_was_sent_was_not_all_refused():
    """Runs after the one above: it would mean little if nothing had come through."""
    good = {path for path, status in answered if status < 300}
    assert {"/v1/stylize", "/v1/jobs", "/model/predict", "/v1/styles"} <= good
    assert {("/v1/stylize", 422), ("/v1/jobs", 422), ("/model/predict", 400)} <= set(answered)
