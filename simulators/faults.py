"""Faults: what can go wrong with a device, and what goes wrong now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from simulators.errors import FaultError


class Kind(StrEnum):
    """Everything that can be broken."""

    DEAD = "dead"
    STUCK = "stuck"
    CRC = "crc"
    LATE = "late"
    EXCEPTION = "exception"
    GARBAGE = "garbage"
    LAMP_OUT = "lamp-out"
    DOOR_OPEN = "door-open"
    LEAK = "leak"
    NO_ECHO = "no-echo"
    VALVE_STUCK = "valve-stuck"
    SMOKE = "smoke"
    OFF_ROUTE = "off-route"
    NO_FIX = "no-fix"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What a kind of fault does."""

    text: str
    classes: frozenset[str] | None = None
    """Device classes that can have it; None for all."""
    strength: str = ""
    """What `strength` means; empty where it means nothing."""
    default: float = 1.0
    limit: float = 1.0
    """Largest strength."""


_LAMPS: Final = frozenset({"streetlight"})
_WATER: Final = frozenset({"water_meter"})

KINDS: Final[Mapping[Kind, KindFacts]] = {
    Kind.DEAD: KindFacts("the device says nothing any more"),
    Kind.STUCK: KindFacts("every value stays what it was when the fault began"),
    Kind.CRC: KindFacts("replies and frames carry a wrong checksum (serial lines only)"),
    Kind.LATE: KindFacts("replies come late", strength="seconds", default=3.0, limit=60.0),
    Kind.EXCEPTION: KindFacts("every Modbus request is answered by exception 4, device failure"),
    Kind.GARBAGE: KindFacts("well-formed frames with senseless values"),
    Kind.LAMP_OUT: KindFacts("the lamp is burnt out: switched on, it draws next to nothing", _LAMPS),
    Kind.DOOR_OPEN: KindFacts("the cabinet's door contact says open", _LAMPS),
    Kind.LEAK: KindFacts(
        "a burst behind the meter; closing the valve stops it", _WATER, "m³/h", default=80.0, limit=500.0
    ),
    Kind.NO_ECHO: KindFacts(
        "the flow meter hears no ultrasound and reports flow 0 with its error bits", _WATER
    ),
    Kind.VALVE_STUCK: KindFacts("the valve does not move", _WATER),
    Kind.SMOKE: KindFacts(
        "smoke drifts over the station",
        frozenset({"air_station"}),
        "µg/m³ of PM2.5",
        default=260.0,
        limit=1000.0,
    ),
    Kind.OFF_ROUTE: KindFacts(
        "the truck drifts inland, away from its route",
        frozenset({"truck"}),
        "metres",
        default=600.0,
        limit=5000,
    ),
    Kind.NO_FIX: KindFacts("the receiver sees no satellites", frozenset({"truck"})),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong now."""

    kind: Kind
    device: str
    strength: float
    since_s: float
    until_s: float
    """UTC seconds since 1970; infinity where somebody must clear it."""


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises FaultError, which names those that exist."""
    try:
        return Kind(name)
    except ValueError:
        known = ", ".join(Kind)
        raise FaultError(f"no fault {name!r}. Those that exist: {known} (kega sim fault list)") from None


class Faults:
    """The faults of all devices; one fault of a kind for a device."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """`classes` gives each device's class by its id."""
        self._classes = classes
        self._active: dict[tuple[Kind, str], Fault] = {}

    def set(
        self, kind: Kind, device: str, now_s: float, for_s: float | None, strength: float | None
    ) -> Fault:
        """Begin a fault (anew, if it is there already), for `for_s` seconds or until it is cleared.

        Raises:
            FaultError: unknown device, a class that cannot have the fault, or a strength or time beyond
                its limits.
        """
        facts = KINDS[kind]
        self._require_class(kind, device)
        chosen = facts.default if strength is None else strength
        if strength is not None and not facts.strength:
            raise FaultError(f"fault {kind} has no strength: leave it out")
        if not (math.isfinite(chosen) and 0 < chosen <= facts.limit):
            raise FaultError(
                f"strength {chosen:g} of fault {kind} is outside 0 … {facts.limit:g} {facts.strength}"
            )
        if for_s is not None and not (math.isfinite(for_s) and for_s > 0):
            raise FaultError(f"a fault cannot last {for_s:g} s: give more than 0, or nothing for no end")
        fault = Fault(kind, device, chosen, now_s, math.inf if for_s is None else now_s + for_s)
        self._active[kind, device] = fault
        return fault

    def clear(self, kind: Kind | None, device: str | None, now_s: float) -> list[Fault]:
        """End the faults of a kind (None: every kind) of a device (None: every device); those that ended."""
        ended = [
            fault
            for fault in self.active(now_s)
            if kind in (None, fault.kind) and device in (None, fault.device)
        ]
        for fault in ended:
            del self._active[fault.kind, fault.device]
        return ended

    def active(self, now_s: float) -> list[Fault]:
        """What is wrong now, oldest first; faults whose time is over are forgotten."""
        for key, fault in list(self._active.items()):
            if now_s >= fault.until_s:
                del self._active[key]
        return sorted(self._active.values(), key=lambda fault: (fault.since_s, fault.device, fault.kind))

    def get(self, kind: Kind, device: str, now_s: float) -> Fault | None:
        """The fault of that kind, if the device has it now."""
        fault = self._active.get((kind, device))
        return fault if fault is not None and fault.since_s <= now_s < fault.until_s else None

    def strength(self, kind: Kind, device: str, now_s: float) -> float:
        """The fault's strength; 0 where there is none."""
        fault = self.get(kind, device, now_s)
        return fault.strength if fault is not None else 0.0

    def can_have(self, kind: Kind, device: str) -> bool:
        """Whether the device's class can have the fault."""
        able = KINDS[kind].classes
        return able is None or self._classes.get(device) in able

    def _require_class(self, kind: Kind, device: str) -> None:
        device_class = self._classes.get(device)
        if device_class is None:
            alike = [known for known in self._classes if known[:3] == device[:3]] or list(self._classes)
            raise FaultError(f"no device {device!r} here. Those that exist: {_shortened(alike)}")
        if not self.can_have(kind, device):
            fitting = [known for known in self._classes if self.can_have(kind, known)]
            raise FaultError(
                f"{device} is a {device_class} and cannot have fault {kind}. "
                f"Devices that can: {_shortened(fitting) or 'none here'}"
            )


@dataclass(frozen=True, slots=True)
class Owners:
    """The devices that an instrument is part of; a fault strikes it when all of them have the fault."""

    devices: tuple[str, ...]
    faults: Faults

    def strength(self, kind: Kind, now_s: float) -> float:
        """The fault's strength; 0 where not all of them have it."""
        return min(self.faults.strength(kind, device, now_s) for device in self.devices)


def _shortened(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
