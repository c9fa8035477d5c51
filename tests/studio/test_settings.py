from __future__ import annotations

import os
from pathlib import Path

import pytest

from impasto.errors import OptionsError
from impasto.runtime.machine import processors
from impasto.studio.settings import Settings, read
from impasto.studio.supervisor import _OURS, _environment

KEY = "ann:0123456789abcdef"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        monkeypatch.delenv(name)


def test_by_default_a_studio_is_closed_and_bounded() -> None:
    settings = read()
    assert settings.host == "127.0.0.1"
    assert settings.cors_origins == settings.api_keys == ()
    assert settings.database_url.get_backend_name() == "sqlite"
    assert settings.checkpoint_every <= 30
    assert settings.database_url.database == str(Path(settings.data).resolve() / "studio.sqlite")


def test_the_environment_is_read_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_PORT", "9000")
    monkeypatch.setenv("IMPASTO_WORKERS", "3")
    monkeypatch.setenv("IMPASTO_API_KEYS", f"{KEY}, bob:fedcba9876543210,")
    settings = read(port=9001, workers=None)
    assert (settings.port, settings.workers) == (9001, 3)
    assert [key.get_secret_value() for key in settings.api_keys] == [KEY, "bob:fedcba9876543210"]
    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "texts"),
    [
        ("PORT", "http", ("IMPASTO_PORT", "integer", "'http'")),
        ("PORT", "70000", ("IMPASTO_PORT", "65535", "70000")),
        ("WORKERS", "-1", ("IMPASTO_WORKERS", "0", "-1")),
        ("MAX_UPLOAD", "1", ("IMPASTO_MAX_UPLOAD", "1024")),
        ("CHECKPOINT_EVERY", "0", ("IMPASTO_CHECKPOINT_EVERY", "greater than 0")),
        ("LOG_LEVEL", "loud", ("IMPASTO_LOG_LEVEL", "debug", "loud")),
        ("HOST", "0.0.0.0", ("0.0.0.0", "IMPASTO_API_KEYS", "IMPASTO_OPEN_TO_ALL")),
        ("API_KEYS", "ann:short", ("IMPASTO_API_KEYS", "16")),
        ("API_KEYS", "0123456789abcdef0123", ("IMPASTO_API_KEYS", "NAME:KEY")),
        ("API_KEYS", f"{KEY},{KEY}", ("IMPASTO_API_KEYS", "one name")),
        ("DATABASE", "mysql://x", ("sqlite", "postgresql")),
        ("DATABASE", "nonsense", ("sqlite", "postgresql")),
        ("DATA", "s3://bucket", ("IMPASTO_DATABASE",)),
        ("OPEN_TO_ALL", "perhaps", ("IMPASTO_OPEN_TO_ALL", "perhaps")),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, texts: tuple[str, ...]
) -> None:
    monkeypatch.setenv(f"IMPASTO_{name}", value)
    with pytest.raises(OptionsError) as caught:
        read()
    message = str(caught.value)
    assert [text for text in texts if text not in message] == []
    assert "\n" not in message


def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_API_KEYS", "ann:tooshort,bob:fedcba9876543210")
    with pytest.raises(OptionsError) as caught:
        read()
    assert "tooshort" not in str(caught.value)
    assert "fedcba" not in str(caught.value)


def test_other_machines_come_in_with_keys_or_where_that_is_said() -> None:
    assert read(host="0.0.0.0", api_keys=KEY).host == "0.0.0.0"
    assert read(host="0.0.0.0", open_to_all=True).host == "0.0.0.0"
    assert read(host="::1").host == "::1"


def test_a_bucket_is_taken_with_a_database() -> None:
    settings = read(data="s3://bucket/studio", database="postgresql://me:secret@db/studio")
    assert settings.database_url.drivername == "postgresql+psycopg"
    assert settings.database_url.password == "secret"


def test_cores_are_shared_among_workers() -> None:
    cores = processors()
    assert read(workers=1).threads_each == cores
    assert read(workers=2 * cores).threads_each == 1
    assert read(workers=0).threads_each == cores
    assert read(workers=4, threads=3).threads_each == 3


def test_workers_get_the_settings_that_are_theirs_and_no_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMPASTO_API_KEYS", KEY)
    monkeypatch.setenv("IMPASTO_MAX_STEPS", "5")
    settings = read(
        data=str(tmp_path), host="0.0.0.0", workers=2, checkpoint_every=0.5, max_steps=7,
        max_film_seconds=900,
    )  # fmt: skip
    environment = _environment(settings)
    assert "0123456789abcdef" not in repr(environment)
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    theirs = read()
    assert theirs.model_dump(exclude=_OURS) == settings.model_dump(exclude=_OURS)
    assert theirs.max_film_seconds == 900
    assert theirs.host == "127.0.0.1"
    assert theirs.database_url == settings.database_url


def test_every_setting_says_what_it_is() -> None:
    assert [n for n, field in Settings.model_fields.items() if not field.description] == []
