"""The settings of the studio: environment variables ``IMPASTO_...``, checked once, up front."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from impasto.errors import OptionsError
from impasto.options import ReadOptions
from impasto.options.checked import quoted
from impasto.runtime.machine import processors

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_MB = 2**20


class Settings(BaseSettings):
    """How a studio runs. Every field is set by ``IMPASTO_`` and its name in capitals.

    Sizes are in bytes, times in seconds. Build it with `read`, which raises `OptionsError`.
    """

    model_config = SettingsConfigDict(env_prefix="IMPASTO_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data: str = Field(
        str(Path(platformdirs.user_data_dir("impasto")) / "studio"),
        description="Where files are kept: a folder, or the URL of a bucket that fsspec knows.",
    )
    database: str = Field(
        "",
        description="sqlite:///FILE or postgresql://...; else studio.sqlite in the data folder.",
    )
    workers: int = Field(1, ge=0, le=64, description="Processes that paint, beside the server.")
    threads: int = Field(
        0, ge=0, le=256, description="Threads of each painting; 0 shares the cores among workers."
    )
    nice: int = Field(
        5, ge=0, le=19, description="Niceness of workers, which leaves the processor to the server."
    )

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="NAME:KEY,NAME:KEY: who may use it. Without keys, everybody who reaches it."
    )
    open_to_all: bool = Field(False, description="Listen beyond this machine without any API key.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web pages of other hosts that may call the API, such as https://a.org."
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names it is reached by, such as art.example.org behind a reverse proxy."
    )
    proxies: str = Field(
        "", description="Addresses of reverse proxies whose X-Forwarded headers are believed, or *."
    )
    rate: int = Field(600, ge=1, description="Requests a minute of one client, beyond it 429.")

    max_upload: int = Field(64 * _MB, ge=1024, description="Largest request, in bytes.")
    max_pixels: int = Field(40_000_000, ge=1, description="Most pixels of a picture sent in.")
    max_size: int = Field(2048, ge=16, description="Longest side of a painting, in pixels.")
    max_steps: int = Field(2000, ge=1, description="Most steps of a painting.")
    max_film: int = Field(1024 * _MB, ge=1024, description="Largest request with a film, in bytes.")
    max_film_seconds: float = Field(600, gt=0, description="Seconds of a film, at most.")
    max_film_work: float = Field(
        1e6,
        gt=0,
        description="Most work of a network on a film, in billions of multiplications.",
    )
    max_queue: int = Field(100, ge=1, description="Most jobs that wait, all clients together.")
    max_jobs: int = Field(10, ge=1, description="Most jobs of one client that wait or run.")
    max_styles: int = Field(50, ge=0, description="Most styles that one client has learnt.")
    max_learn: float = Field(
        600, gt=0, description="Seconds that a style is learnt for at once, at most."
    )
    at_once: int = Field(2, ge=1, le=64, description="Photos stylised at once.")
    max_work: float = Field(
        2000,
        gt=0,
        description="Most work of a network on a photo, in billions of multiplications.",
    )
    max_waiting: int = Field(64, ge=0, description="Photos that wait to be stylised.")
    max_memory: int = Field(
        4096 * _MB, ge=256 * _MB, description="Most memory that one painting may take, in bytes."
    )

    checkpoint_every: float = Field(
        30.0, gt=0, le=600, description="Seconds from one checkpoint of a painting to the next."
    )
    keep: float = Field(
        30 * 86400, gt=0, description="Seconds after which an ended job and its files are removed."
    )
    page: bool = Field(True, description="Whether there is a page, or the API alone.")
    style: str = Field("", description="Style when a request names none; else the first shipped.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )

    @field_validator("api_keys", "cors_origins", "hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("api_keys")
    @classmethod
    def _named_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        pairs = [key.get_secret_value().partition(":") for key in keys]
        for number, (name, _, secret) in enumerate(pairs, 1):
            if not name or len(secret) < 16:
                raise ValueError(f"key {number} must be NAME:KEY with a key of 16 letters or more")
        if len({name for name, _, _ in pairs}) < len(pairs):
            raise ValueError("two keys have one name")
        return keys

    @model_validator(mode="after")
    def _closed(self) -> Settings:
        if not (self.host in LOOPBACK or self.api_keys or self.open_to_all):
            raise ValueError(
                f"host {self.host} is reached from other machines: set IMPASTO_API_KEYS, "
                "or IMPASTO_OPEN_TO_ALL=true to let everybody in"
            )
        return self

    @model_validator(mode="after")
    def _known_database(self) -> Settings:
        if not self.database and "://" in self.data:
            raise ValueError("a bucket for data needs a database: set IMPASTO_DATABASE")
        try:
            backend = make_url(self.database or "sqlite://").get_backend_name()
        except ArgumentError:
            backend = ""
        if backend not in _DRIVERS:
            raise ValueError("the database must be sqlite:///FILE or postgresql://...")
        return self

    @cached_property
    def database_url(self) -> URL:
        """The database as SQLAlchemy names it."""
        if not self.database:
            return URL.create("sqlite", database=str(Path(self.data).resolve() / "studio.sqlite"))
        url = make_url(self.database)
        return url.set(drivername=_DRIVERS[url.get_backend_name()])

    @cached_property
    def limits(self) -> ReadOptions:
        """Limits for pictures that are sent in."""
        return ReadOptions(max_pixels=self.max_pixels, max_bytes=self.max_upload)

    @cached_property
    def film_limits(self) -> ReadOptions:
        """Limits for clips that are sent in."""
        return ReadOptions(max_pixels=self.max_pixels, max_bytes=self.max_film)

    @property
    def threads_each(self) -> int:
        """Threads of one painting, so that paintings side by side do not fight for cores."""
        return self.threads or max(1, processors() // max(1, self.workers))


def read(**given: Any) -> Settings:
    """Return the settings of the environment, with what is ``given`` in their place.

    Raises `OptionsError` that names the variable, what was found and what is allowed.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "IMPASTO_" + "_".join(map(str, first["loc"][:1])).upper() if first["loc"] else ""
        found = "" if first["type"] == "value_error" else f", got {quoted(first['input'])}"
        text = first["msg"].removeprefix("Value error, ")
        raise OptionsError(f"{where}: {text}{found}".removeprefix(": ")) from None
