from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

import needs
from impasto.studio.database import connect
from studio.postgres import Postgres
from studio.serving import Served, served


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server."""
    programs = needs.postgresql()
    if programs is None:
        pytest.skip(needs.POSTGRESQL.reason)
    server = Postgres(programs)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Where an empty database is, of each kind."""
    if request.param == "sqlite":
        return URL.create("sqlite", database=str(tmp_path / "studio.sqlite"))
    server: Postgres = request.getfixturevalue("postgres")
    return server.empty()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio with its page and two clients."""
    keys = f"ann:{'a' * 20},bob:{'b' * 20}"
    with served(tmp_path_factory.mktemp("keyed"), page=True, api_keys=keys) as found:
        yield found


@pytest.fixture
def engine(database_url: URL) -> Iterator[sa.Engine]:
    """An engine with the studio's tables."""
    made = connect(database_url)
    yield made
    made.dispose()
