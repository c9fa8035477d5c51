"""Ray actors as workers, on a cluster of this machine; the bucket is a folder behind fsspec."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pytest

from archive.making import Fake, photos
from cli.shell import SHALLOW, draw, impasto, listing
from impasto.archive.engine import Archive, Failed, Made
from impasto.archive.plan import FolderPlan, Skipped
from impasto.archive.ray_pool import RayPool
from impasto.errors import MissingExtraError, OptionsError
from impasto.images import read_recipe
from impasto.options import SaveOptions
from needs import RAY, needs
from zoo.making import write

with_ray = needs(RAY, find_spec("ray"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ray with two cores, whose workers find a bucket at dir://; return the bucket's folder."""
    root = tmp_path_factory.mktemp("bucket")
    told = {"FSSPEC_DIR_PATH": str(root), "FSSPEC_DIR_TARGET_PROTOCOL": "file"}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in told.items():
            patch.setenv(name, value)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setitem(fsspec.config.conf, "dir", {"path": str(root), "target_protocol": "file"})
        import ray

        ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
        yield root
        ray.shutdown()


@pytest.fixture
def bucket(cluster: Path, tmp_path: Path) -> Path:
    """A part of the bucket for one test: dir://NAME is its folder."""
    found = cluster / tmp_path.name
    found.mkdir()
    return found


def plan(bucket: Path) -> FolderPlan:
    return FolderPlan((f"dir://{bucket.name}/in",), f"dir://{bucket.name}/out", None, SaveOptions())


@pytest.mark.long
@with_ray
def test_workers_that_die_are_made_up_for_and_nothing_is_written_twice(bucket: Path) -> None:
    names = ("a", "b", "kill", "bad", "c/d", "c/e")
    photos(bucket / "in", *(f"{name}.png" for name in names), draw=draw)
    found = {}
    for event in Archive(plan(bucket), RayPool(Fake(), "auto")):
        assert isinstance(event, Made | Failed)
        name = event.item.photo.partition("/in/")[2]
        assert name not in found
        found[name] = "" if isinstance(event, Made) else event.reason
    assert "its process died 2 times" in found.pop("kill.png")
    assert found.pop("bad.png").endswith("in/bad.png: is bad")
    assert found == dict.fromkeys(("a.png", "b.png", "c/d.png", "c/e.png"), "")
    before = listing(bucket / "out")
    assert sorted(before) == ["a.png", "b.png", "c/d.png", "c/e.png"]
    assert str(os.getpid()) not in {text.split()[0].decode() for text in before.values()}
    again = list(Archive(plan(bucket), RayPool(Fake(), "auto")))
    assert sum(isinstance(event, Skipped) for event in again) == 4
    assert listing(bucket / "out") == before


@with_ray
def test_what_keeps_all_from_working_is_raised(bucket: Path) -> None:
    photos(bucket / "in", "a.png", draw=draw)
    with pytest.raises(OptionsError, match="no such style"):
        list(Archive(plan(bucket), RayPool(Fake(broken="no such style"), "auto")))


@with_ray
def test_the_commands_work_on_a_cluster(
    bucket: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "painters.safetensors", "starry")
    photos(bucket / "in", "a.png", "c/d.png", draw=draw)
    style, place = f"{tmp_path}/painters.safetensors/starry", f"dir://{bucket.name}"
    line = ["apply", style, f"{place}/in", "-o", f"{place}/out", "--ray=auto", "--jobs=1"]
    outcome = impasto(capfd, *line, "--report=r.jsonl")
    assert (outcome.code, outcome.out) == (0, f"2 stylised: {place}/out\n"), outcome.err
    assert read_recipe(bucket / "out" / "c" / "d.png")["content"]["name"] == f"{place}/in/c/d.png"
    lines = [json.loads(text) for text in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert sorted(entry["out"] for entry in lines) == [f"{place}/out/a.png", f"{place}/out/c/d.png"]
    assert impasto(capfd, *line).out.startswith("0 stylised, 2 already existed")
    draw(bucket / "photo.png", 64, 48)
    (tmp_path / "jobs.csv").write_text(
        f"photo,styles,out\n{place}/photo.png,{place}/in/a.png,{place}/painted.png\n"
    )
    options = [*SHALLOW, "--size=32", "--steps=2"]
    outcome = impasto(capfd, "paint", "--list", "jobs.csv", "--ray=auto", *options)
    assert outcome.out.startswith("1 painted"), outcome.err
    assert read_recipe(bucket / "painted.png")["styles"][0]["name"] == f"{place}/in/a.png"


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        MissingExtraError, match=r"--ray needs an extra: pip install 'impasto\[ray\]"
    ):
        RayPool(Fake(), "auto")


def test_an_actor_is_a_worker(tmp_path: Path, draw_one: Callable[[], Path]) -> None:
    """What runs on a node, without a cluster."""
    from impasto import __version__
    from impasto.archive.plan import Item
    from impasto.archive.ray_pool import _Actor

    actor = _Actor(Fake(), 1, None)
    assert actor.load() == __version__
    assert actor.make(Item(str(draw_one()), str(tmp_path / "out" / "a.png"))).error == ""


@pytest.fixture
def draw_one(tmp_path: Path) -> Callable[[], Path]:
    return lambda: draw(tmp_path / "a.png", 8, 8)
