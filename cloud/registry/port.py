"""What the registry is to the rest of the cloud tier: records, and the calls on them.

`cloud.registry.database.Registry` implements it on SQLite and PostgreSQL. Blocking and thread-safe: call it
from worker threads. Every call is one transaction. Times are UTC milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cloud.configuration.port import ConfigurationBook
from cloud.registry.cells import Box
from telemetry.commands import CommandStatus
from telemetry.readings import Value


class Admission(StrEnum):
    """Whether people know of a device."""

    DISCOVERED = "discovered"
    """A birth told of it; nobody has accepted it yet. It is stored and shown, and takes no commands."""
    ACCEPTED = "accepted"
    RETIRED = "retired"


class Role(StrEnum):
    """What a user or token may do; each includes those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    """Also acknowledges alarms, sends commands, accepts devices."""
    ADMIN = "admin"
    """Also manages users and tokens."""


class CommandState(StrEnum):
    """Where a command stands, as a person sees it."""

    ASKED = "asked"
    SENT = "sent"
    ACCEPTED = "accepted"
    """The gateway has it in its journal."""
    DONE = "done"
    """Read back from the device."""
    REJECTED = "rejected"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (CommandState.DONE, CommandState.REJECTED, CommandState.FAILED, CommandState.EXPIRED)


@dataclass(frozen=True, slots=True)
class PointRecord:
    """A point as a birth declared it."""

    metric: str
    field: str
    type: str
    """`ValueType` value."""
    unit: str


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """A gateway as the host knows it."""

    id: str
    area: str
    online: bool
    born_ms: int | None
    died_ms: int | None
    last_seen_ms: int | None
    software: str = ""
    spool_depth: int | None = None
    spool_dropped: int | None = None
    rebirth_asked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device: what births told of it, and what people decided."""

    id: str
    area: str
    gateway: str
    device_class: str
    """Class id, or `generic` where the birth names no class that we know."""
    title: str
    model: str
    latitude: float | None
    longitude: float | None
    admission: Admission
    online: bool
    last_seen_ms: int | None
    points: tuple[PointRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command and how far it has come."""

    id: str
    area: str
    gateway: str
    device: str
    metric: str
    field: str
    type: str
    value: Value
    issuer: str
    reason: str
    state: CommandState
    error: str
    asked_ms: int
    sent_ms: int | None
    ended_ms: int | None
    expires_ms: int
    attempts: int
    revert_after_s: float | None = None
    """After how long the gateway takes it back by itself."""


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """A state that somebody must end (ISA-18.2)."""

    id: int
    device: str
    gateway: str
    rule: str
    """`<class>/<id>` of a limit alarm, or `gateway-offline`, `device-silent` …"""
    severity: str
    text_vi: str
    text_en: str
    advice_vi: str
    advice_en: str
    value: float | None
    limit: float | None
    active: bool
    """The condition still holds."""
    acknowledged: bool
    raised_ms: int
    cleared_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str
    shelved_until_ms: int | None
    updated_ms: int


@dataclass(frozen=True, slots=True)
class NewAlarm:
    """An alarm to raise; device and rule together are its identity while it is open."""

    device: str
    gateway: str
    rule: str
    severity: str
    text_vi: str
    text_en: str
    advice_vi: str
    advice_en: str
    value: float | None
    limit: float | None
    raised_ms: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message, or a part of one, that could not be stored, kept for people."""

    id: int
    received_ms: int
    topic: str
    reason: str
    detail: str
    size: int
    """Bytes of the whole message; `payload` may be its beginning only."""
    payload: bytes


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A person who may log in."""

    name: str
    role: Role
    password_hash: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token for scripts; only its hash is kept."""

    id: str
    name: str
    role: Role
    token_hash: str
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    browser: bool = False
    """May be exchanged for a browser session (the demo's link)."""


@dataclass(frozen=True, slots=True)
class DeviceBirth:
    """What a DBIRTH told."""

    id: str
    area: str
    gateway: str
    device_class: str
    title: str
    model: str
    latitude: float | None
    longitude: float | None
    points: Sequence[PointRecord]
    time_ms: int


@dataclass(frozen=True, slots=True)
class CellCount:
    """Devices of one class in one cell of the map."""

    cell: int
    device_class: str
    count: int
    online: int
    latitude: float
    """Mean of theirs."""
    longitude: float


@dataclass(frozen=True, slots=True)
class LateRange:
    """Values of a device came after their intervals were rolled up: those of [start_ms, end_ms)."""

    device: str
    start_ms: int
    end_ms: int
    times: int
    """How often it was marked; another number means that more has come."""


class Registry(ConfigurationBook, Protocol):
    """Everything that is known besides time series."""

    # gateways and devices
    def gateway_born(self, gateway: str, area: str, *, time_ms: int, software: str) -> None: ...
    def gateway_died(self, gateway: str, *, time_ms: int) -> None:
        """The gateway is offline, and so are all its devices."""
        ...

    def gateways_seen(self, seen: Mapping[str, int]) -> None:
        """Gateway → time of its newest message; written in batches."""
        ...

    def rebirths_asked(self, areas: Mapping[str, str], *, time_ms: int) -> None:
        """The gateways (with their areas) are about to be asked for a rebirth; a restarted host must know."""
        ...

    def gateway_spool(self, gateway: str, *, depth: int | None, dropped: int | None) -> None: ...
    def device_born(self, birth: DeviceBirth) -> None:
        """Register the device (as DISCOVERED if it is new) and mark it online."""
        ...

    def devices_born(self, births: Sequence[DeviceBirth]) -> None:
        """The same for many at once, in one transaction: births come in storms."""
        ...

    def device_died(self, device: str, *, time_ms: int) -> None: ...
    def devices_seen(self, seen: Mapping[str, int]) -> None: ...
    def all_offline(self, *, time_ms: int) -> None:
        """The host lost its own connection: nothing is known to be online."""
        ...

    def gateways(self) -> list[GatewayRecord]: ...
    def devices(
        self,
        *,
        device_class: str | None = None,
        gateway: str | None = None,
        admission: Admission | None = None,
        after: str = "",
        limit: int = 1000,
    ) -> list[DeviceRecord]:
        """Devices in order of id, beginning behind `after`; without their points."""
        ...

    def devices_changed(
        self, *, since_ms: int, after: tuple[int, str] | None = None, limit: int = 1000
    ) -> tuple[list[DeviceRecord], tuple[int, str] | None]:
        """Devices that were born, died or were decided upon since then; and where to go on, if at all."""
        ...

    def map_cells(self, level: int, box: Box | None = None) -> list[CellCount]:
        """All cells of the level with a device; those of a part of the map where it is given."""
        ...

    def devices_in(
        self, box: Box, *, device_class: str | None = None, limit: int = 1000
    ) -> list[DeviceRecord]:
        """Up to `limit` devices in a part of the map, without their points."""
        ...

    def device(self, device: str) -> DeviceRecord | None:
        """The device with its points, or None."""
        ...

    def set_admission(self, device: str, admission: Admission, *, by: str) -> bool:
        """Whether the device exists; the decision is audited."""
        ...

    # commands
    def add_command(self, command: CommandRecord) -> None: ...
    def command(self, command_id: str) -> CommandRecord | None: ...
    def commands(self, *, device: str | None = None, limit: int = 100) -> list[CommandRecord]:
        """Newest first."""
        ...

    def open_commands(self) -> list[CommandRecord]:
        """All that are not final, oldest first."""
        ...

    def command_sent(self, command_id: str, *, time_ms: int) -> None:
        """One more attempt was published."""
        ...

    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None:
        """What the gateway reported. A final state never changes again."""
        ...

    def expire_commands(self, *, now_ms: int, grace_ms: int) -> list[str]:
        """End commands whose expiry plus grace is over without a result; returns their ids."""
        ...

    # alarms
    def raise_alarm(self, alarm: NewAlarm) -> int:
        """Open the alarm, or find it open already (then it is active again); returns its id."""
        ...

    def clear_alarm(self, device: str, rule: str, *, time_ms: int) -> bool:
        """The condition has ended; whether an active alarm was there."""
        ...

    def acknowledge_alarm(self, alarm_id: int, *, by: str, time_ms: int) -> AlarmRecord | None: ...
    def shelve_alarm(self, alarm_id: int, *, until_ms: int, by: str, reason: str) -> AlarmRecord | None: ...
    def alarms(
        self,
        *,
        open_only: bool = False,
        device: str | None = None,
        changed_after_ms: int | None = None,
        limit: int = 1000,
    ) -> list[AlarmRecord]:
        """Newest first. Open = active or not acknowledged."""
        ...

    # dead letters
    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        """Keep them (their `id` is given anew); past the bounds the oldest go. Returns how many went."""
        ...

    def delete_dead_letters(
        self, ids: Sequence[int] | None = None, *, before_ms: int | None = None, reason: str = ""
    ) -> int:
        """Throw away those that meet all that is given; returns how many."""
        ...

    def dead_letters(self, *, after: int = 0, limit: int = 100, reason: str = "") -> list[DeadLetter]: ...
    def dead_letter_counts(self) -> dict[str, int]:
        """Reason → how many ever."""
        ...

    # roll-ups
    def rollup_progress(self) -> dict[str, int]:
        """Tier → time until which its roll-ups are made."""
        ...

    def set_rollup_progress(self, tier: str, until_ms: int) -> None: ...
    def mark_late(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """Device → times whose values came late; the range of a device that is marked already grows."""
        ...

    def late_ranges(
        self, *, devices: Sequence[str] | None = None, after: str = "", limit: int = 1000
    ) -> list[LateRange]:
        """Marked devices in order of id, beginning behind `after`; of `devices` only, where given."""
        ...

    def late_done(self, ranges: Sequence[LateRange]) -> None:
        """These were looked at again; one that was marked meanwhile stays."""
        ...

    # users, tokens, audit
    def add_user(self, user: UserRecord, *, by: str) -> None: ...
    def user(self, name: str) -> UserRecord | None: ...
    def users(self) -> list[UserRecord]: ...
    def add_token(self, token: TokenRecord, *, by: str) -> None: ...
    def token_by_hash(self, token_hash: str) -> TokenRecord | None: ...
    def tokens(self) -> list[TokenRecord]: ...
    def delete_token(self, token_id: str, *, by: str) -> bool: ...
    def token_used(self, token_id: str, *, time_ms: int) -> None: ...
    def audit(self, who: str, what: str, subject: str, detail: str) -> None: ...

    def ping(self) -> None:
        """Return if the database answers. Raises cloud.errors.RegistryUnavailable."""
        ...

    def close(self) -> None: ...
