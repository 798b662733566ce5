"""Ed25519 keys for configurations: made and used by the host, trusted by gateways.

A public key is one line of text, `kega-configuration <base64> [comment]`: people can read and edit a file of
trusted keys. The cryptography package is loaded when a key is first used; gateways need it seldom.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telemetry.configuration import ConfigurationRefused, Envelope, sha256_of, signed_bytes
from telemetry.errors import ConfigError, Problem

KIND: Final = "kega-configuration"
_KEY_BYTES: Final = 32


def key_id(public: bytes) -> str:
    """The short name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def public_line(public: bytes, comment: str = "") -> str:
    """The key as a line for a file of trusted keys."""
    return f"{KIND} {base64.b64encode(public).decode('ascii')} {comment}".rstrip()


def new_private_key() -> bytes:
    """The 32 secret bytes of a new key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The public key of a private one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def seal(private: bytes, gateway: str, version: int, text: str, replaces: str = "") -> Envelope:
    """`text` as version `version` of `gateway`'s configuration, signed."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    sha256 = sha256_of(text)
    signature = Ed25519PrivateKey.from_private_bytes(private).sign(
        signed_bytes(gateway, version, sha256, replaces)
    )
    return Envelope(version, sha256, key_id(public_of(private)), signature, text, replaces)


def check_signature(envelope: Envelope, gateway: str, trusted: Mapping[str, bytes]) -> None:
    """Return where a trusted key has signed `envelope` for `gateway`.

    Raises:
        ConfigurationRefused: it is not so.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = trusted.get(envelope.key)
    if public is None:
        known = ", ".join(sorted(trusted)) or "there is none"
        raise ConfigurationRefused(f"key {envelope.key[:40]!r} is not trusted here (trusted: {known})")
    content = signed_bytes(gateway, envelope.version, envelope.sha256, envelope.replaces)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(envelope.signature, content)
    except InvalidSignature:
        raise ConfigurationRefused(
            f"the signature of version {envelope.version} is not that of key {envelope.key} for {gateway}"
        ) from None


def parse_public_line(line: str) -> bytes:
    """The public key in one line.

    Raises:
        ValueError: the line is no key; says why.
    """
    kind, *rest = line.split(maxsplit=2) or [""]
    if kind != KIND or not rest:
        raise ValueError(f"a key line begins with {KIND!r} and the key in base64")
    try:
        public = base64.b64decode(rest[0], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the key is no base64: {error}") from None
    if len(public) != _KEY_BYTES:
        raise ValueError(f"the key has {len(public)} bytes instead of {_KEY_BYTES}")
    return public


def read_trusted(file: Path) -> dict[str, bytes]:
    """Key id → public key of every line in `file`; empty where there is no file.

    Raises:
        ConfigError: the file cannot be read, or a line is no key.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(file, [Problem(0, "", f"cannot be read: {error}")]) from error
    trusted = {}
    problems = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                public = parse_public_line(line)
                trusted[key_id(public)] = public
            except ValueError as error:
                problems.append(Problem(number, "", str(error)))
    if problems:
        raise ConfigError(file, problems)
    return trusted
