"""Browser sessions: a signed cookie that says whose it is, and what the server remembers of it.

The cookie alone proves a session, so a restart logs nobody out. The server remembers when a session was last
used (a console that stays open does not age) and which ones were ended; after a restart those count until
they age, while a new password, or revoking the token, ends them for good.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from cloud.errors import SettingsError

COOKIE: Final = "kega_session"
IDLE_MS: Final = 8 * 3_600_000
"""A session that nobody used for one shift ends."""
LONGEST_MS: Final = 7 * 86_400_000
RENEW_AFTER_MS: Final = 10 * 60_000
"""A cookie older than this is replaced by a fresh one."""
_REMEMBERED: Final = 10_000
"""Sessions whose last use is remembered; past it the least recently used age by their cookie alone."""
_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Whose browser it is. `token` is the id of the token it was opened with, empty after a password."""

    id: str
    name: str
    token: str
    proof: str
    """Changes with the password, so that a new one ends the sessions of the old."""
    opened_ms: int
    used_ms: int


class Sessions:
    """Opens, checks and ends sessions. Belongs to one event loop."""

    def __init__(self, key: bytes, now_ms: Callable[[], int]) -> None:
        self._key = key
        self._now_ms = now_ms
        self._used: OrderedDict[str, int] = OrderedDict()
        self._ended: dict[str, int] = {}

    def open(self, name: str, *, token: str = "", proof: str = "") -> Session:
        """A new session."""
        now = self._now_ms()
        return Session(secrets.token_hex(8), name, token, proof, now, now)

    def cookie(self, session: Session) -> str:
        """The signed text of the session as used now."""
        content = json.dumps(asdict(replace(session, used_ms=self._now_ms())), separators=(",", ":"))
        body = base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
        return f"{body}.{self._signature(body)}"

    def session(self, cookie: str) -> Session | None:
        """The session that `cookie` proves, or None where it is forged, too old or ended."""
        session = self._read(cookie)
        if session is None or session.id in self._ended:
            return None
        now = self._now_ms()
        used = max(session.used_ms, self._used.get(session.id, 0))
        if now - used > IDLE_MS or now - session.opened_ms > LONGEST_MS:
            self._used.pop(session.id, None)
            return None
        self._used[session.id] = now
        self._used.move_to_end(session.id)
        if len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
        return session

    def needs_renewal(self, session: Session) -> bool:
        """Whether the browser should get a fresh cookie."""
        return self._now_ms() - session.used_ms > RENEW_AFTER_MS

    def end(self, session: Session) -> None:
        """Log out: the cookie is worth nothing from now on."""
        now = self._now_ms()
        self._ended = {each: until for each, until in self._ended.items() if until > now}
        self._ended[session.id] = session.opened_ms + LONGEST_MS
        self._used.pop(session.id, None)

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()

    def _read(self, cookie: str) -> Session | None:
        body, _, signature = cookie.partition(".")
        if len(cookie) > 2000 or not cookie.isascii():
            return None
        if not hmac.compare_digest(self._signature(body), signature):
            return None
        try:
            content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            return Session(**content)
        except (binascii.Error, ValueError, TypeError):
            # Signed by us, but by another version with other fields: log in again.
            return None


def session_key(secrets_dir: Path) -> bytes:
    """The key that signs cookies: made at the first start, readable for kega alone.

    Raises:
        SettingsError: the file cannot be made or read, is open to others, or is no key.
    """
    file = secrets_dir / "session.key"
    if not file.exists():
        _make_key(file)
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"{file} is open to other users: chmod 600 {file}")
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{file} cannot be used: {error}. Delete it to have a new one made (all browsers log in again)"
        ) from error
    if len(key) != _KEY_BYTES:
        raise SettingsError(f"{file} holds {len(key)} bytes instead of {_KEY_BYTES}: delete it")
    return key


def _make_key(file: Path) -> None:
    # Written whole under another name and then linked: a second process sees no key, or all of it.
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(draft)
        draft.unlink()
    except OSError as error:
        raise SettingsError(
            f"secrets_dir: {file} cannot be made: {error.strerror}. Give the folder to the user of kega"
        ) from error
