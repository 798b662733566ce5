"""Commands to devices: what travels with a DCMD, and what a gateway reports of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from telemetry.readings import Value
from telemetry.sparkplug.payload import DataType, Metric, Property, Unsupported

COMMAND_ID: Final = "cmdId"
EXPIRES: Final = "expires"
ISSUER: Final = "issuer"
REVERT_AFTER: Final = "revertAfter"
"""Milliseconds after the write at which the gateway takes the command back by itself."""
PLAIN_LIFETIME_MS: Final = 30_000
"""Life of a command from a plain Sparkplug tool, which knows no expiry (rule X-CMD-1)."""


class CommandStatus(IntEnum):
    """How far a command has come; the codes travel as metric `Command/Status`."""

    ACCEPTED = 1
    DONE = 2
    """Written and read back from the device."""
    REJECTED = 3
    FAILED = 4
    EXPIRED = 5

    @property
    def is_final(self) -> bool:
        """Whether nothing more will be reported of the command."""
        return self is not CommandStatus.ACCEPTED


@dataclass(frozen=True, slots=True)
class Command:
    """An order to bring one writable point of a device to an absolute value (rule X-CMD-4: no toggles)."""

    device: str
    metric: str
    value: Value
    id: str | None
    """None where a plain Sparkplug tool sent it."""
    expires_ms: int
    issuer: str = ""
    revert_after_s: float | None = None
    """How long the value shall stand; the gateway then takes it back. None: until somebody says otherwise."""


def command_metric(command: Command, datatype: DataType, now_ms: int) -> Metric:
    """The metric that carries `command` in a DCMD."""
    properties: dict[str, Property] = {}
    if command.id is not None:
        properties = {
            COMMAND_ID: Property(DataType.STRING, command.id),
            EXPIRES: Property(DataType.DATETIME, command.expires_ms),
            ISSUER: Property(DataType.STRING, command.issuer),
        }
        if command.revert_after_s is not None:
            properties[REVERT_AFTER] = Property(DataType.INT64, round(command.revert_after_s * 1000))
    return Metric(command.metric, datatype, command.value, now_ms, properties=properties)


def command_of(device: str, metric: Metric, sent_ms: int) -> Command:
    """The command that `metric` of a DCMD carries; one without our properties counts as plain."""
    command_id = _property(metric, COMMAND_ID)
    expires = _property(metric, EXPIRES)
    issuer = _property(metric, ISSUER)
    revert_after = _property(metric, REVERT_AFTER)
    value = None if isinstance(metric.value, Unsupported) else metric.value
    named = isinstance(command_id, str) and isinstance(expires, int)
    return Command(
        device=device,
        metric=metric.name,
        value=value,
        id=str(command_id) if named else None,
        expires_ms=int(expires) if named and isinstance(expires, int) else sent_ms + PLAIN_LIFETIME_MS,
        issuer=issuer if isinstance(issuer, str) else "",
        revert_after_s=revert_after / 1000 if isinstance(revert_after, int) else None,
    )


def _property(metric: Metric, key: str) -> Value | Unsupported:
    prop = metric.properties.get(key)
    return None if prop is None else prop.value
