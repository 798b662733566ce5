"""Tokens for scripts: `kega_` and 32 random bytes, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from cloud.registry.port import Role, TokenRecord

PREFIX: Final = "kega_"
DAY_MS: Final = 86_400_000
LONGEST_DAYS: Final = 3650


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the one moment when its secret is known."""

    secret: str = field(repr=False)
    record: TokenRecord


def new_token(
    name: str, role: Role, *, now_ms: int, days: int | None = None, browser: bool = False
) -> NewToken:
    """A fresh token; it ends after `days`, or never."""
    secret = PREFIX + secrets.token_urlsafe(32)
    record = TokenRecord(
        id=secrets.token_hex(6),
        name=name,
        role=role,
        token_hash=hash_of(secret),
        created_ms=now_ms,
        expires_ms=None if days is None else now_ms + days * DAY_MS,
        last_used_ms=None,
        browser=browser,
    )
    return NewToken(secret, record)


def hash_of(secret: str) -> str:
    """What the registry keeps of a token and finds it by; its entropy makes a slow hash needless."""
    return hashlib.sha256(secret.encode()).hexdigest()


def looks_like_token(text: str) -> bool:
    """Whether `text` has the form of a token, so that the registry is worth asking."""
    return text.startswith(PREFIX) and 40 <= len(text) <= 64 and text.isascii()


def is_valid(token: TokenRecord, now_ms: int) -> bool:
    """Whether the token has not ended."""
    return token.expires_ms is None or now_ms < token.expires_ms
