"""Passwords: argon2id hashes, sized for a small machine."""

from __future__ import annotations

import secrets
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from cloud.errors import Refused

SHORTEST: Final = 10
LONGEST: Final = 200
"""Characters; past it a password is refused unhashed."""
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters that are mistaken for each other."""


class Passwords:
    """Hashes passwords and checks them; a call takes about 20 ms and 19 MiB (OWASP's smallest set)."""

    def __init__(self) -> None:
        self._hasher = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])
        # Checked where there is no such user, so that the answer takes as long as for a wrong password.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The hash to keep.

        Raises:
            Refused: the password is too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise Refused(
                f"the password has {len(password)} characters: use {SHORTEST} to {LONGEST}, "
                "such as four words that do not belong together"
            )
        return self._hasher.hash(password)

    def check(self, password: str, kept: str | None) -> bool:
        """Whether `password` is the one whose hash is `kept`; never for None, at the same cost."""
        if len(password) > LONGEST:
            return False
        try:
            fits = self._hasher.verify(password, kept or self._nobody)
        except UnknownHashError:
            return False
        return fits and kept is not None


def generated_password() -> str:
    """A new password of four groups of four characters (79 bits), to read out or type."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
