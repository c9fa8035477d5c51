"""Finding the pictures in a folder, for all commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from impasto.errors import ImageError
from impasto.images.folders import pictures_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in several places, and what is none."""
    for name in ("b.jpg", "a.HEIC", "in/c.png", ".hidden/d.png", ".e.png", "notes.txt", "f.pdf"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def names(folder: Path, **options: object) -> list[str]:
    return [str(path.relative_to(folder)) for path in pictures_in(folder, **options)]


def test_pictures_are_recognised_by_their_extensions(folder: Path) -> None:
    assert names(folder) == ["a.HEIC", "b.jpg", "in/c.png"]
    assert names(folder, without=folder / "in") == ["a.HEIC", "b.jpg"]


def test_links_to_folders_are_followed_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "g.png").touch()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "z").symlink_to(tmp_path / "elsewhere")
    (folder / "in" / "round").symlink_to(folder)
    assert names(folder) == ["a.HEIC", "b.jpg", "in/c.png", "linked/g.png"]


def test_a_link_to_nothing_is_a_picture_that_cannot_be_read(folder: Path) -> None:
    (folder / "c.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "gone").symlink_to(folder / "nowhere")
    assert names(folder) == ["a.HEIC", "b.jpg", "c.jpg", "in/c.png"]


def test_a_folder_that_is_locked_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def locked(path: str | Path) -> object:
        if Path(path).name == "in":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(ImageError, match="in: the folder cannot be read: Permission denied"):
        names(folder)
    reported: list[ImageError] = []
    assert names(folder, unreadable=reported.append) == ["a.HEIC", "b.jpg"]
    assert len(reported) == 1


def test_a_link_to_itself_does_not_hide_its_neighbours(folder: Path) -> None:
    (folder / "round").symlink_to("round")
    (folder / "round.jpg").symlink_to("round.jpg")
    assert names(folder) == ["a.HEIC", "b.jpg", "round.jpg", "in/c.png"]
