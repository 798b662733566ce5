"""What the supervisor has to write into the registry.

Each change sets a state, so writing one twice does no harm, and a later one of the same `key` makes an
earlier one needless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cloud.host.nodes import ConfigurationTold, HealthTold
from cloud.registry.port import DeviceBirth, NewAlarm, Registry

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GatewayBorn:
    """A gateway is online."""

    gateway: str
    area: str
    time_ms: int
    software: str

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("gateway-born", self.gateway)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.gateway_born(self.gateway, self.area, time_ms=self.time_ms, software=self.software)


@dataclass(frozen=True, slots=True)
class GatewayDied:
    """A gateway and all its devices are offline."""

    gateway: str
    time_ms: int

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("gateway-died", self.gateway)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.gateway_died(self.gateway, time_ms=self.time_ms)


@dataclass(frozen=True, slots=True)
class SpoolTold:
    """What a gateway says of its spool."""

    gateway: str
    depth: int | None
    dropped: int | None

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("spool", self.gateway)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.gateway_spool(self.gateway, depth=self.depth, dropped=self.dropped)


@dataclass(frozen=True, slots=True)
class DeviceBorn:
    """A device is online."""

    birth: DeviceBirth

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("device-born", self.birth.id)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.device_born(self.birth)


@dataclass(frozen=True, slots=True)
class DeviceDied:
    """A device is offline."""

    device: str
    time_ms: int

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("device-died", self.device)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.device_died(self.device, time_ms=self.time_ms)


@dataclass(frozen=True, slots=True)
class AllOffline:
    """The host has no connection: nothing is known to be online."""

    time_ms: int

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("all-offline",)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.all_offline(time_ms=self.time_ms)


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """An alarm's condition holds."""

    alarm: NewAlarm

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("alarm-raised", self.alarm.device, self.alarm.rule)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.raise_alarm(self.alarm)


@dataclass(frozen=True, slots=True)
class AlarmCleared:
    """An alarm's condition has ended."""

    device: str
    rule: str
    time_ms: int

    @property
    def key(self) -> Key:
        """What it replaces."""
        return ("alarm-cleared", self.device, self.rule)

    def write(self, registry: Registry) -> None:
        """Write it."""
        registry.clear_alarm(self.device, self.rule, time_ms=self.time_ms)


Change: TypeAlias = (
    GatewayBorn
    | GatewayDied
    | SpoolTold
    | ConfigurationTold
    | HealthTold
    | DeviceBorn
    | DeviceDied
    | AllOffline
    | AlarmRaised
    | AlarmCleared
)
