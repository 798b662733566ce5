"""Pushing a configuration: checked as far as the host can, signed, committed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import yaml

from cloud.configuration.port import ConfigurationBook, Desired
from cloud.errors import NotFound, Refused, SettingsError
from telemetry.clock import Clock
from telemetry.configuration import ConfigurationRefused
from telemetry.signing import KIND, new_private_key, public_line, public_of, seal

KEY_FILE: Final = "configuration.key"
_KEY_BYTES: Final = 32


def make_key(secrets_dir: Path) -> str:
    """Make the signing key; returns the public line that gateways must trust.

    Raises:
        SettingsError: there is a key already, or the folder cannot be written.
    """
    file = secrets_dir / KEY_FILE
    private = new_private_key()
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(f"{private.hex()}\n")
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise SettingsError(
            f"{file} exists: gateways trust that key. To change it, move the file away, make a new key, and "
            "let every gateway trust the new one first (kega edge config trust)"
        ) from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}") from error
    return public_line(public_of(private))


def read_key(secrets_dir: Path) -> bytes:
    """The signing key.

    Raises:
        SettingsError: there is none, or it is damaged.
    """
    file = secrets_dir / KEY_FILE
    try:
        private = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise SettingsError(f"{file} is missing: make it with kega cloud config keygen") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be used: {error}. Restore it from the backup") from None
    if len(private) != _KEY_BYTES:
        raise SettingsError(f"{file} holds no {KIND} key: restore it from the backup")
    return private


def push(
    registry: ConfigurationBook,
    private: bytes,
    gateway: str,
    text: str,
    *,
    by: str,
    clock: Clock,
    over_local: bool = False,
) -> Desired:
    """Make `text` the next version of `gateway`'s configuration; the supervisor sends it.

    Args:
        registry: keeps it.
        private: the signing key.
        gateway: which.
        text: the YAML; the gateway itself checks it against its classes and profiles.
        by: who, for the audit trail.
        clock: the time of now.
        over_local: overwrite what was changed on the gateway, as it told last.

    Raises:
        Refused: it is no YAML, or of another gateway, or too large.
        NotFound: `over_local` for a gateway that has told nothing yet.
    """
    _check(gateway, text)
    replaces = ""
    if over_local:
        report = registry.configuration_report(gateway)
        if report is None or not report.sha256:
            raise NotFound(f"{gateway} has not told what it runs: nothing to overwrite is known")
        replaces = report.sha256
    version = registry.newest_version(gateway) + 1
    envelope = seal(private, gateway, version, text, replaces)
    try:
        encoded = envelope.encode()
    except ConfigurationRefused as error:
        raise Refused(str(error)) from error
    desired = Desired(gateway, version, envelope.sha256, text, encoded, clock.now_ms(), by)
    registry.push_configuration(desired)
    return desired


def _check(gateway: str, text: str) -> None:
    try:
        content: Any = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise Refused(f"the configuration is no YAML: {error}") from error
    named = content.get("gateway") if isinstance(content, dict) else None
    if named != gateway:
        raise Refused(f"the configuration is for gateway {named!r}, not {gateway!r}")
