"""A PostgreSQL of the tests' own, from the binaries of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from patience import LIMIT, wait_for

_TIED = '"$@" & server=$!; cat; kill -QUIT $server; wait $server'
"""Ends the server when standard input ends, as it does when the tests are killed."""


class Postgres:
    """A server on a free port of this machine, gone with its data when stopped."""

    def __init__(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="impasto-postgres-"))
        self._user = _somebody_else()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._url = URL.create(
            "postgresql+psycopg",
            username="impasto",
            host="127.0.0.1",
            port=_free_port(),
            database="postgres",
        )
        data = self._folder / "data"
        made = self._start(
            programs / "initdb", "-D", data, "-U", "impasto", "-A", "trust", "-E", "UTF8",
            "--no-sync", "--locale=C",
        )  # fmt: skip
        output, _ = made.communicate(timeout=LIMIT)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {output.decode()}")
        self._server = self._start(
            "sh", "-c", _TIED, "sh", programs / "postgres", "-D", data,
            "-p", str(self._url.port), "-c", "fsync=off",
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        )  # fmt: skip
        self._wait()

    def empty(self) -> URL:
        """Return where a database is, after removing what was in it."""
        engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            mine = "pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(
                sa.text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
            )
            for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
                connection.execute(sa.text(statement))
        engine.dispose()
        return self._url

    def stop(self) -> None:
        self._server.communicate(timeout=LIMIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, *command: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(map(str, command)),
            cwd=self._folder,
            user=self._user,
            group=self._user and pwd.getpwnam(self._user).pw_gid,
            extra_groups=[] if self._user else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if "initdb" in str(command[0]) else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def _wait(self) -> None:
        engine = sa.create_engine(self._url)

        def answers() -> bool:
            try:
                engine.connect().close()
            except OperationalError:
                assert self._server.poll() is None, "PostgreSQL does not run"
                return False
            return True

        wait_for(answers)
        engine.dispose()


def _somebody_else() -> str | None:
    """Return a user to become, since PostgreSQL refuses to run as root; None for oneself."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
