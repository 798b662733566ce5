"""Envelopes and keys: whole ways, and everything that must not pass."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.configuration import (
    LARGEST_ENVELOPE,
    LARGEST_TEXT,
    ConfigurationRefused,
    parse_envelope,
    sha256_of,
)
from telemetry.errors import ConfigError
from telemetry.signing import (
    check_signature,
    key_id,
    new_private_key,
    parse_public_line,
    public_line,
    public_of,
    read_trusted,
    seal,
)

PRIVATE = new_private_key()
PUBLIC = public_of(PRIVATE)
TRUSTED = {key_id(PUBLIC): PUBLIC}
TEXT = "gateway: eg-0001\ntitle: Tủ chiếu sáng Lê Duẩn\n"


@given(text=st.text(max_size=2000).filter(lambda text: text.isprintable()), version=st.integers(1, 2**63 - 1))
def test_what_was_sealed_is_read_and_checked(text: str, version: int) -> None:
    envelope = parse_envelope(seal(PRIVATE, "eg-0001", version, text).encode())
    assert (envelope.text, envelope.version, envelope.sha256) == (text, version, sha256_of(text))
    check_signature(envelope, "eg-0001", TRUSTED)


def altered(**changes: Any) -> str:
    content = json.loads(seal(PRIVATE, "eg-0001", 3, TEXT, "aa").encode())
    return json.dumps({**content, **changes})


@pytest.mark.parametrize("name", ["version", "replaces", "signature"])
def test_nothing_that_is_signed_can_be_altered(name: str) -> None:
    value = {"version": 4, "replaces": "bb", "signature": base64.b64encode(bytes(64)).decode()}[name]
    with pytest.raises(ConfigurationRefused, match="signature"):
        check_signature(parse_envelope(altered(**{name: value})), "eg-0001", TRUSTED)


def test_an_envelope_is_for_one_gateway() -> None:
    with pytest.raises(ConfigurationRefused, match="eg-0002"):
        check_signature(seal(PRIVATE, "eg-0001", 3, TEXT), "eg-0002", TRUSTED)


def test_another_text_does_not_have_the_hash() -> None:
    other = base64.b64encode(zlib.compress(b"gateway: evil")).decode()
    with pytest.raises(ConfigurationRefused, match="does not have the hash"):
        parse_envelope(altered(text=other))


@pytest.mark.parametrize(
    ("encoded", "says"),
    [
        ("", "no JSON"),
        ("[]", "must have exactly"),
        ('{"version": 1}', "must have exactly"),
        (altered(version=True), "no positive whole number"),
        (altered(version=0), "no positive whole number"),
        (altered(version=2**63), "no positive whole number"),
        (altered(key=7), "no plain text"),
        (altered(replaces="\ud800"), "no plain text"),
        (altered(signature="!"), "no base64"),
        (altered(text="AAAA"), "cannot be unpacked"),
        (altered(text=base64.b64encode(zlib.compress(b"abc")[:-2]).decode()), "is cut"),
        (altered(text=base64.b64encode(zlib.compress(b"\xff")).decode()), "cannot be unpacked"),
        ("x" * (LARGEST_ENVELOPE + 1), "longer than any real one"),
    ],
    ids=map(str, range(13)),
)
def test_broken_envelopes_are_refused(encoded: str, says: str) -> None:
    with pytest.raises(ConfigurationRefused, match=says):
        parse_envelope(encoded)


def test_a_bomb_is_not_inflated() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(30 * LARGEST_TEXT))).decode()
    assert len(bomb) < LARGEST_ENVELOPE
    with pytest.raises(ConfigurationRefused, match="longer than"):
        parse_envelope(altered(text=bomb))


def test_what_is_too_large_is_not_sent() -> None:
    import random

    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000))
    with pytest.raises(ConfigurationRefused, match="too large"):
        seal(PRIVATE, "eg-0001", 1, noise).encode()


def test_keys_are_lines_of_text(tmp_path: Path) -> None:
    line = public_line(PUBLIC, "máy chủ tỉnh")
    assert parse_public_line(line) == PUBLIC
    file = tmp_path / "trusted-keys"
    assert read_trusted(file) == {}
    file.write_text(f"# a comment\n\n{line}\n", encoding="utf-8")
    assert read_trusted(file) == TRUSTED
    file.write_text(f"{line}\nkega-configuration AAAA\nnonsense\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_trusted(file)
    assert [problem.line for problem in caught.value.problems] == [2, 3]
