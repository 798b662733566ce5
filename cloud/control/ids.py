"""Ids of commands: 48 bits of time and 80 bits of chance in 26 letters, so that they sort by age."""

from __future__ import annotations

import secrets
from typing import Final

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""
_RANDOM_BITS: Final = 80
_LENGTH: Final = 26


def new_id(now_ms: int) -> str:
    """A new id of a command asked at `now_ms` (the layout of a ULID)."""
    number = (now_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return "".join(_LETTERS[(number >> shift) & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
