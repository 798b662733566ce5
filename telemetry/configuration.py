"""A gateway's configuration on its way from the host: signed, versioned, and small enough for one message.

The text of NCMD metric `Config/Desired` is one JSON object:

    {"version": 7, "sha256": "…", "key": "…", "signature": "…", "replaces": "…", "text": "…"}

`text` is the YAML, deflated, in base64. The signature (Ed25519) covers gateway, version, `sha256` of the YAML
and `replaces`, so that an envelope for one gateway is worth nothing at another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from telemetry.errors import WireError

LARGEST_ENVELOPE: Final = 65_536
"""Characters of `Config/Desired`."""
LARGEST_TEXT: Final = 1_048_576
"""Bytes of the YAML."""
LARGEST_VERSION: Final = 2**63 - 1
_PURPOSE: Final = "kega-configuration-1"
_FIELDS: Final = {"version", "sha256", "key", "signature", "replaces", "text"}


class ConfigurationRefused(WireError):  # noqa: N818, named for what happened
    """An envelope that must not be used: unreadable, not signed by a trusted key, or for somebody else."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed configuration."""

    version: int
    sha256: str
    """Of the YAML's bytes, in hexadecimal."""
    key: str
    """Id of the key that signed it."""
    signature: bytes
    text: str
    """The YAML."""
    replaces: str = ""
    """`sha256` of a local edit that this version may overwrite; empty where none may be."""

    def encode(self) -> str:
        """The text of `Config/Desired`.

        Raises:
            ConfigurationRefused: it is too large for one message.
        """
        packed = base64.b64encode(zlib.compress(self.text.encode(), 9)).decode("ascii")
        content = {
            "version": self.version,
            "sha256": self.sha256,
            "key": self.key,
            "signature": base64.b64encode(self.signature).decode("ascii"),
            "replaces": self.replaces,
            "text": packed,
        }
        encoded = json.dumps(content, separators=(",", ":"))
        if len(encoded) > LARGEST_ENVELOPE or len(self.text.encode()) > LARGEST_TEXT:
            raise ConfigurationRefused(
                f"a configuration of {len(self.text.encode())} bytes is too large to send "
                f"({len(encoded)} of {LARGEST_ENVELOPE} packed): split the gateway, or install it by hand"
            )
        return encoded


def sha256_of(text: str) -> str:
    """The hash by which both sides name a configuration."""
    return hashlib.sha256(text.encode()).hexdigest()


def signed_bytes(gateway: str, version: int, sha256: str, replaces: str) -> bytes:
    """What a signature covers."""
    return "\n".join((_PURPOSE, gateway, str(version), sha256, replaces)).encode()


def parse_envelope(encoded: str) -> Envelope:
    """The envelope in the text of `Config/Desired`; its text agrees with its hash, nothing else is checked.

    Raises:
        ConfigurationRefused: it cannot be read, or is too large packed or unpacked.
    """
    if len(encoded) > LARGEST_ENVELOPE:
        raise ConfigurationRefused(f"an envelope of {len(encoded)} characters is longer than any real one")
    try:
        content = json.loads(encoded)
    except ValueError as error:
        raise ConfigurationRefused(f"the envelope is no JSON: {error}") from None
    if not isinstance(content, dict) or set(content) != _FIELDS:
        raise ConfigurationRefused(f"the envelope must have exactly {', '.join(sorted(_FIELDS))}")
    version = content["version"]
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version <= LARGEST_VERSION:
        raise ConfigurationRefused(f"version {str(version)[:40]!r} is no positive whole number")
    names = {name: _string(content, name) for name in _FIELDS - {"version"}}
    text = _unpacked(names["text"])
    if sha256_of(text) != names["sha256"]:
        raise ConfigurationRefused("the text does not have the hash that the envelope names")
    return Envelope(
        version, names["sha256"], names["key"], _decoded(names["signature"]), text, names["replaces"]
    )


def _string(content: dict[str, Any], name: str) -> str:
    value = content[name]
    if not isinstance(value, str) or not value.isascii():
        raise ConfigurationRefused(f"{name} of the envelope is no plain text")
    return value


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationRefused(f"the envelope is no base64: {error}") from None


def _unpacked(packed: str) -> str:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(_decoded(packed), LARGEST_TEXT)
        if inflater.unconsumed_tail or not inflater.eof:
            raise ConfigurationRefused(f"the text is cut, or longer than {LARGEST_TEXT} bytes")
        return data.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"the text cannot be unpacked: {error}") from None
