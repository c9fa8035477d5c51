"""Who somebody is: API keys and, for browsers, sessions. Keys are kept as SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import sqlalchemy as sa

from impasto.studio.database import Table, lock
from impasto.studio.settings import Settings

LOCAL = "local"
"""The owner of everything where no keys are asked for."""

SESSION = 14 * 86400
"""Seconds that a session lasts."""

_HASHED = re.compile(r"sha256:([0-9a-f]{64})")
_SECRET = "sessions"

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
        until = f"{self._clock() + SESSION:.0f}"
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
        if owner not in self._digests or not re.fullmatch(r"[0-9]{1,12}", until):
            return None
        right = hmac.compare_digest(signature.encode(), self._signature(owner, until).encode())
        return owner if right and int(until) > self._clock() else None

    def _signature(self, owner: str, until: str) -> str:
        # The digest is signed, too: with another key the sessions of the old one end.
        text = b"\0".join((owner.encode(), until.encode(), self._digests[owner]))
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


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
