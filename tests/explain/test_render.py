"""The page as text: every part is there, nothing is loaded, the numbers are right."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explain.making import COMMAND, STEPS, Element, read
from impasto.explain.explanation import Explanation
from impasto.explain.figures import log_ratios, magnitudes
from impasto.explain.render import render

SECTIONS = ["sees", "content", "style", "texture", "painting", "numbers", "made"]
STYLE = [f"relu{block}_1" for block in range(1, 6)]
HOSTILE = (
    "\"><img src=x onerror=alert(1)></title><script>alert(2)</script>'{{7*7}}&amp;\n\udcff.png"
)


def values(element: Element) -> list[float]:
    return [float(data.attributes["value"]) for data in element.all("data")]


def values_of(formula: Element) -> list[float]:
    """Return the numbers that a formula shows, powers of ten multiplied out."""
    found: list[float] = []
    for element in formula.all():
        if element.tag == "mn":
            power = element.parent and element.parent.tag == "msup" and element.parent
            if power and power.all("mn")[0].text == "10":
                if element is power.all("mn")[1]:
                    found[-1] *= 10.0 ** int(element.text.replace("−", "-"))
                continue
            found.append(float(element.text.replace(",", "")))
    return found


def test_every_part_is_there(tree: Element, explanation: Explanation) -> None:
    body = tree.one("body")
    parts = [s.attributes["id"] for s in body.one("main").children if isinstance(s, Element)]
    assert parts == SECTIONS
    assert [a.attributes["href"] for a in body.one("nav").all("a")] == [f"#{s}" for s in SECTIONS]
    for view in explanation.layers:
        maps = body.one("section", **{"aria-labelledby": f"maps-{view.layer.name}"})
        filters = [f.attributes["data-filter"] for f in maps.all("figure")]
        assert filters == [str(channel.number) for channel in view.channels]
        assert all(len(figure.all("img")) == 3 for figure in maps.all("figure"))
    grams = [g.attributes["data-layer"] for g in body.all("div", **{"class": "grams"})]
    assert grams == STYLE
    assert all(len(g.all("img")) == 5 for g in body.all("div", **{"class": "grams"}))
    for name, made in (("reconstructions", explanation.contents), ("textures", explanation.styles)):
        figures = [f for f in body.one(id=name).all("figure") if "data-layers" in f.attributes]
        assert [f.attributes["data-layers"] for f in figures] == [" ".join(m.layers) for m in made]
    film = body.one("ol", **{"class": "film"}).all("li")
    steps = [item.attributes["data-step"] for item in film]
    assert steps == [str(snapshot.row.step) for snapshot in explanation.run.snapshots]
    assert len(body.all("svg", role="img")) == 2
    assert len(body.all("math", displaystyle="true")) >= 30
    assert body.one(id="command").text == COMMAND


def test_nothing_is_loaded_from_anywhere(page: str, tree: Element) -> None:
    for element in tree.all():
        for name, value in element.attributes.items():
            if name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href", "xmlns"):
                assert value.startswith(("data:image/", "#")), f"<{element.tag} {name}={value[:40]}"
            assert not name.startswith("on"), f"{element.tag} {name}"
            assert name == "content" or "url(" not in value
    assert not tree.all("link") + tree.all("iframe") + tree.all("object") + tree.all("base")
    css = tree.one("style").text
    assert "@import" not in css
    assert "url(" not in css
    scripts = tree.all("script")
    assert all("src" not in script.attributes for script in scripts)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket|sendBeacon)\b", scripts[1].text)
    assert "http://" not in page
    assert "https://" not in page
    (policy,) = [m for m in tree.all("meta") if "http-equiv" in m.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'; img-src data:;")


def test_it_is_a_page_for_everybody(page: str, tree: Element) -> None:
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset')
    for image in tree.all("img"):
        assert image.attributes["alt"].strip()
        head, _, data = image.attributes["src"].partition(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as opened:
            assert head == f"data:image/{str(opened.format).lower()}"
            size = (int(image.attributes["width"]), int(image.attributes["height"]))
            assert opened.size == size
    ids = [element.attributes["id"] for element in tree.all() if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    for element in tree.all():
        for name in ("aria-labelledby", "for"):
            assert element.attributes.get(name, ids[0]) in ids
        if element.tag == "a":
            assert element.attributes["href"][1:] in ids
    levels = [int(e.tag[1]) for e in tree.all() if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert tree.one("div", **{"class": "player"}).attributes["hidden"] == ""


def test_a_small_report_is_small(page: str) -> None:
    assert len(page) < 1_500_000


def test_the_layers_are_described_correctly(tree: Element) -> None:
    """Channels, receptive fields and strides of VGG-19, as the literature has them."""
    table = tree.one("table", id="layers")
    found = {row.attributes["data-layer"]: [td.text for td in row.all("td")] for row in
             table.one("tbody").all("tr")}  # fmt: skip
    assert {name: [c.replace(" ", "") for c in cells[1:4]] for name, cells in found.items()} == {
        "relu1_1": ["64", "3×3", "1"],
        "relu2_1": ["128", "10×10", "2"],
        "relu3_1": ["256", "24×24", "4"],
        "relu4_1": ["512", "68×68", "8"],
        "relu4_2": ["512", "84×84", "8"],
        "relu5_1": ["512", "156×156", "16"],
    }
    assert found["relu3_1"][4] == "16 × 10"  # a photo of 64 × 43


def test_the_terms_are_the_equations(
    tree: Element, explanation: Explanation, features: Callable[[Any], dict[str, np.ndarray]]
) -> None:
    """Every number of the table, from an independent network's features and plain numpy."""
    pictures, rows = explanation.pictures, tree.one("table", id="terms").one("tbody").all("tr")
    start, photo, painting, result = (
        features(p) for p in (pictures.start, pictures.photo, pictures.painting, pictures.result)
    )
    assert [row.attributes["data-term"] for row in rows] == [
        "content relu4_2", *(f"style {name}" for name in STYLE)
    ]  # fmt: skip
    total = 0.0
    for row in rows:
        kind, name = row.attributes["data-term"].split()

        def distance(F: dict[str, np.ndarray], kind: str = kind, name: str = name) -> float:
            if kind == "content":
                return float(np.mean((F[name] - photo[name]) ** 2))
            G, A = (x[name] @ x[name].T / x[name].shape[1] for x in (F, painting))
            return float(np.mean((G - A) ** 2))

        n, m = start[name].shape
        weight = 1.0 if kind == "content" else 1000 / n**2
        cells = values(row)
        assert cells[:3] == pytest.approx([n, m, weight])
        assert cells[3] == pytest.approx(distance(start), rel=2e-3)
        assert cells[5] == pytest.approx(distance(result), rel=2e-3)
        # The run's own picture may leave what a screen can show.
        assert cells[4] == pytest.approx(distance(result), rel=0.5)
        papers = cells[4] * n * m / 2 if kind == "content" else cells[4] / 4
        assert cells[6:] == pytest.approx([papers, weight * cells[4]], rel=1e-6)
        total += cells[7]
    assert values(tree.one("table", id="terms").one("tfoot")) == pytest.approx([total], rel=1e-6)
    assert total == pytest.approx(min(row.loss for row in explanation.run.rows), rel=1e-6)


def test_the_worked_equations_work_out(tree: Element, explanation: Explanation) -> None:
    """The numbers of each line, as they stand there, give its result."""
    kept, first = explanation.run.best, explanation.run.rows[0]
    content = values_of(tree.one(id="eq-content").all("div")[1].one("math"))
    assert content == pytest.approx([content[1] * content[2] * content[3], 512, 40, kept.content],
                                    rel=2e-3)  # fmt: skip
    style = tree.one(id="eq-style")
    parts = []
    for name, n in zip(STYLE, (64, 128, 256, 512, 512), strict=True):
        line = style.one("div", **{"data-layer": name})
        weight, squares, side, two, result = values_of(line.one("math"))
        assert (side, two) == (n, 2)
        assert weight * squares / n**2 == pytest.approx(result, rel=2e-3)
        assert result == pytest.approx(kept.terms[f"style {name}"], rel=2e-3)
        parts.append(result)
    *summands, total = values_of(style.all("div")[-1])
    assert summands == parts
    assert total == pytest.approx(sum(parts), rel=2e-3)
    for line, row in zip(tree.one(id="eq-total").all("div")[1:], (first, kept), strict=True):
        alpha, content_loss, beta, style_loss, loss = values_of(line)
        assert (alpha, beta) == (1, 1)
        assert [content_loss, style_loss, loss] == pytest.approx(
            [row.content, row.style, row.loss], rel=1e-3
        )


def test_gram_distances_and_tables_are_those_of_the_data(
    tree: Element, explanation: Explanation
) -> None:
    style = [view for view in explanation.layers if view.term == "style"]
    for view, grams in zip(style, tree.all("div", **{"class": "grams"}), strict=True):
        found = {d.attributes["data-of"]: float(d.attributes["value"]) for d in grams.all("data")}
        assert found == pytest.approx(
            {"photo": view.relative.photo, "result": view.relative.result}, rel=1e-5
        )
        assert found["result"] < found["photo"]
    for name, made in (("content", explanation.contents), ("style", explanation.styles)):
        rows = tree.one("table", id=f"{name}-distances").one("tbody").all("tr")
        for row, reconstruction in zip(rows, made, strict=True):
            assert values(row) == pytest.approx([*reconstruction.distances.values()], rel=1e-5)
            own = [cell for cell in row.all("td") if cell.attributes.get("class") == "own"]
            assert len(own) == len(reconstruction.layers)


def test_the_data_of_the_script_are_the_losses(tree: Element, explanation: Explanation) -> None:
    data = json.loads(tree.one("script", id="data").text)
    rows = explanation.run.rows
    assert (data["first"], data["last"]) == (1, len(rows))
    assert [row["loss"] for row in data["losses"]] == [row.loss for row in rows]
    assert data["losses"][-1]["terms"] == dict(rows[-1].terms)
    assert data["recipe"] == json.loads(json.dumps(explanation.run.recipe))


def test_the_moments_say_what_they_show(tree: Element, explanation: Explanation) -> None:
    for item, snapshot in zip(
        tree.one("ol", **{"class": "film"}).all("li"), explanation.run.snapshots, strict=True
    ):
        assert item.attributes["data-text"].startswith(
            f"Step {snapshot.row.step} of {STEPS} · loss "
        )
        source = item.one("img").attributes["src"].partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(source))) as image:
            shown = np.asarray(image.convert("RGB"), float) / 255
        assert np.abs(shown - snapshot.picture).mean() < 0.05
    rows = tree.one("table", id="snapshots").one("tbody").all("tr")
    assert values(rows[3])[:3] == pytest.approx(
        [getattr(explanation.run.snapshots[3].row, name) for name in ("loss", "content", "style")]
    )


def test_how_it_was_made(tree: Element, explanation: Explanation) -> None:
    text, recipe = tree.one(id="made").text, explanation.run.recipe
    for hashed in (recipe["content"], recipe["styles"][0], recipe["weights"]):
        assert hashed["sha256"] in text
    for version in recipe["versions"].values():
        assert version in text
    assert [
        row.all("th")[0].text for row in tree.one("table", id="times").one("tbody").all("tr")
    ] == [*explanation.seconds]
    assert json.loads(tree.all("details")[-1].one("pre").text) == recipe["options"]


def test_a_hostile_name_stays_a_name(explanation: Explanation) -> None:
    named = {"name": HOSTILE, "sha256": "0"}
    recipe = {**explanation.run.recipe, "content": named, "styles": [named]}
    recipe["options"] = {**recipe["options"], "weights": HOSTILE}
    hostile = replace(
        explanation, names=(HOSTILE, HOSTILE), run=replace(explanation.run, recipe=recipe)
    )
    page = render(hostile, command=f"impasto explain '{HOSTILE}'")
    page.encode("utf-8")
    tree = read(page)
    plain = read(render(explanation, command=COMMAND))
    assert [e.tag for e in tree.all()] == [e.tag for e in plain.all()]
    assert "<script>alert" not in page
    shown = HOSTILE.replace("\n", "\\n").replace("\udcff", "\\udcff")
    assert "/script>" not in tree.one("title").text  # a slash is a folder's
    assert "{{7*7}}" in tree.one("title").text
    assert shown in tree.one(id="files").text
    assert shown in tree.one(id="command").text
    assert json.loads(tree.one("script", id="data").text)["recipe"]["content"]["name"] == HOSTILE


@pytest.mark.parametrize("kind", ["style", "content"])
def test_a_run_without_one_of_its_terms(explanation: Explanation, kind: str) -> None:
    """As --style-weight 0 and --content-weight 0 leave it."""

    def without(row: Any) -> Any:
        terms = {name: value for name, value in row.terms.items() if not name.startswith(kind)}
        return row._replace(terms=terms, loss=sum(terms.values()), **{kind: 0.0})

    run = explanation.run
    bare = replace(
        run,
        rows=tuple(map(without, run.rows)),
        best=without(run.best),
        snapshots=tuple(replace(m, row=without(m.row)) for m in run.snapshots),
        **{f"{kind}_weight": 0.0},
    )
    tree = read(render(replace(explanation, run=bare)))
    terms = [row.attributes["data-term"] for row in tree.one("table", id="terms").all("tr")[1:-1]]
    assert terms == list(bare.best.terms)
    assert not tree.all(id="command")


def test_colours_of_matrices() -> None:
    G = np.array([[1.0, 10.0], [100.0, 1e9]], np.float32)
    np.testing.assert_allclose(magnitudes(G, 1, 100), [[0, 0.5], [1, 1]], atol=1e-6)
    A = np.array([[1.0, 2.0], [4.0, 0.0]], np.float32)
    B = np.array([[1.0, 32.0], [2.0, 0.0]], np.float32)
    np.testing.assert_allclose(log_ratios(B, A, 1e-3), [[0.5, 1], [0.375, 0.5]], atol=1e-6)
