"""Who somebody is: API keys and, for browsers, sessions. Keys are kept as SHA-256 only."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from impasto.studio.database import Table, lock
from impasto.studio.settings import Settings

LOCAL = "local"
"""The owner of everything where no keys are asked for."""

SESSION = 14 * 86400
"""Seconds that a session lasts."""

_HASHED = re.compile(r"sha256:([0-9a-f]{64})")
_UNTIL = re.compile(r"([0-9]{1,12})-[0-9a-f]{16}")
_SECRET = "sessions"

_FRESH = 1.0
"""Seconds after which the sessions that ended are read again: another server may have ended one."""

_ended = sa.Table(
    "studio_ended_sessions",
    Table.metadata,
    sa.Column("signature", sa.Text, primary_key=True),
    sa.Column("until", sa.Double, nullable=False),
)

_secrets = sa.Table(
    "studio_secrets",
    Table.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


class Keys:
    """The keys of the settings, as ``NAME:KEY`` or ``NAME:sha256:HEX``; the name is the owner's.

    ``secret`` signs sessions; all servers of one database share it, see `shared_secret`.
    """

    def __init__(
        self, settings: Settings, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        pairs = (key.get_secret_value().partition(":") for key in settings.api_keys)
        self._digests = {name: _digest(key) for name, _, key in pairs}
        self._secret = secret
        self._clock = clock

    @property
    def required(self) -> bool:
        """Whether there are any keys; if not, everybody is `LOCAL`."""
        return bool(self._digests)

    def owner(self, key: str) -> str | None:
        """Return whose key it is. It is compared with every key, in the same time for each."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def session(self, owner: str) -> str:
        """Return the value of a cookie that says who somebody is, for a while."""
        # The number makes each session one of its own, to be ended alone.
        until = f"{self._clock() + SESSION:.0f}-{secrets.token_hex(8)}"
        name = urlsafe_b64encode(owner.encode()).decode().rstrip("=")
        return f"{name}.{until}.{self._signature(owner, until)}"

    def owner_of_session(self, cookie: str) -> str | None:
        """Return who a cookie is of; None if it is old, false, or its key was taken away."""
        name, _, rest = cookie.partition(".")
        until, _, signature = rest.partition(".")
        try:
            owner = urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except ValueError:
            return None
        found = _UNTIL.fullmatch(until)
        if owner not in self._digests or not found:
            return None
        right = hmac.compare_digest(signature.encode(), self._signature(owner, until).encode())
        return owner if right and int(found[1]) > self._clock() else None

    def _signature(self, owner: str, until: str) -> str:
        # The digest is signed, too: with another key the sessions of the old one end.
        text = b"\0".join((owner.encode(), until.encode(), self._digests[owner]))
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


class EndedSessions:
    """The sessions that ended by logging out, in the database: for all servers, copies too."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._known: set[str] = set()
        self._due = -math.inf

    def __contains__(self, cookie: str) -> bool:
        """Return whether a session ended, as far as `refresh` knows."""
        return _signature_of(cookie) in self._known

    def end(self, cookie: str) -> None:
        """End a session; blocks."""
        signature, now = _signature_of(cookie), time.time()
        with self._engine.begin() as connection:
            lock(connection)
            gone = (_ended.c.until < now) | (_ended.c.signature == signature)
            connection.execute(sa.delete(_ended).where(gone))
            connection.execute(sa.insert(_ended).values(signature=signature, until=now + SESSION))
        self._known.add(signature)

    async def refresh(self) -> None:
        """Read what ended meanwhile, once a second. Without the database, what is known counts."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + _FRESH
        with suppress(SQLAlchemyError):
            self._known |= await asyncio.to_thread(self._load)

    def _load(self) -> set[str]:
        with self._engine.connect() as connection:
            return set(connection.execute(sa.select(_ended.c.signature)).scalars())


def _signature_of(cookie: str) -> str:
    return cookie.rpartition(".")[2]


def shared_secret(engine: sa.Engine) -> bytes:
    """Return the secret of this database, made when first asked for."""
    query = sa.select(_secrets.c.value).where(_secrets.c.name == _SECRET)
    with engine.begin() as connection:
        lock(connection)  # or two servers would make one each
        value = connection.execute(query).scalar_one_or_none()
        if value is None:
            value = secrets.token_hex(32)
            connection.execute(sa.insert(_secrets).values(name=_SECRET, value=value))
    return bytes.fromhex(value)


def _digest(key: str) -> bytes:
    hashed = _HASHED.fullmatch(key)
    return bytes.fromhex(hashed[1]) if hashed else hashlib.sha256(key.encode()).digest()
