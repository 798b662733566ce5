"""What can happen, as it is told to those who watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cloud.live.health import HealthReport
from cloud.live.state import DeviceState
from cloud.registry.port import AlarmRecord, CommandRecord, GatewayRecord
from cloud.store.port import Sample


@dataclass(frozen=True, slots=True)
class ReadingArrived:
    """Values of one time that are newer than what was known."""

    device: str
    device_class: str
    gateway: str
    time_ms: int
    fields: Mapping[str, Sample]


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """A device came, went, fell silent, or was heard again."""

    device: str
    device_class: str
    state: DeviceState


Event: TypeAlias = ReadingArrived | DeviceChanged | GatewayRecord | AlarmRecord | CommandRecord | HealthReport
