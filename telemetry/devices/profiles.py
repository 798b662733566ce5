"""Device profiles: how an instrument model speaks, as data.

A profile is a file in firmware-configs/profiles/. It lists the points that the instrument offers under the
maker's own meaning (`key`), where they are found, and onto which canonical point of the class each maps.
A Modbus instrument needs no code; a serial one names the driver module that knows its frames.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from telemetry.devices.classes import METRIC_NAME, DeviceClass
from telemetry.devices.registers import RegisterType
from telemetry.devices.signs import Readdress, Sign, Spoils
from telemetry.devices.writing import WriteRule
from telemetry.errors import Problem, ProfileError
from telemetry.yaml_files import load_yaml

_FIRST: Final = re.compile(r"_1(?=_|$)")
_COUNTER_BITS: Final = {RegisterType.U16: 16, RegisterType.U32_BE: 32, RegisterType.U32_LW: 32}


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Access(StrEnum):
    """What a master may do with a point."""

    READ = "r"
    WRITE = "w"
    READ_WRITE = "rw"


class SerialLine(_Data):
    """Line settings as the maker ships them."""

    baud: int = Field(gt=0)
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1


class State(_Data):
    """One state that a native value stands for; the first of a list whose conditions all hold counts."""

    state: int = Field(ge=0)
    below: float | None = None
    above: float | None = None
    mask: int | None = None
    """Bits of which at least one must be set."""
    write: float | None = None
    """Native value that brings the instrument into this state; None where it cannot be ordered."""

    def holds(self, native: float) -> bool:
        """Whether `native` is in this state."""
        return (
            (self.below is None or native < self.below)
            and (self.above is None or native > self.above)
            and (self.mask is None or int(native) & self.mask != 0)
        )


class Pulse(_Data):
    """A timer in the instrument itself: it holds a value for a time and goes back, whatever else dies."""

    holds_true: str = ""
    """Key of the point that takes the time for which a yes/no point becomes true."""
    holds_false: str = ""
    """The same for false."""
    tick_s: float = Field(default=0.1, gt=0)
    """Seconds that one unit of those points stands for."""

    def of_number(self, number: int) -> Pulse:
        """The timer of the `number`th of repeated points."""
        when_true, when_false = (_FIRST.sub(f"_{number}", key) for key in (self.holds_true, self.holds_false))
        return Pulse(holds_true=when_true, holds_false=when_false, tick_s=self.tick_s)


class Canonical(_Data):
    """Onto which point of a class a value maps: `canonical = native × factor + offset`."""

    metric: Annotated[str, Field(alias="point", pattern=METRIC_NAME)]
    factor: float = 1.0
    offset: float = 0.0
    mask: int | None = None
    """Bits of an integer that count, before the factor."""
    states: list[State] | None = None
    """The value is an enumeration (or yes/no) derived from ranges or bits; factor and offset do not count."""
    write: str = ""
    """Key of the point that takes commands to this metric; the point itself where empty."""
    rule: WriteRule = WriteRule()
    """What this model needs when it is written: time to settle, tolerance."""


class ProfilePoint(_Data):
    """One thing that the instrument can tell or be told.

    `native = raw × scale + offset`, in `unit`, as the maker's document gives it.
    """

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    unit: str = ""
    canonical: Canonical | None = None
    also: list[Canonical] = []
    """Further class points that the same value maps to."""
    access: Access = Access.READ
    kind: Literal["gauge", "counter"] = "gauge"
    every: Literal["scan", "start"] = "scan"
    """`start`: read once when the instrument is opened (identity, configuration)."""
    doc: str = ""
    enum: dict[int, str] | None = None
    bits: dict[int, str] | None = None
    min: float | None = None
    max: float | None = None
    """Smallest and largest native value that can be written, or that can be true when read."""
    invalid: list[int] = []
    """Raw values that mean "no value" of this point; those of the profile count as well."""
    modulus: float | None = Field(default=None, gt=0)
    """A counter's native value at which it starts again from 0; found from the type where it is left out."""
    max_rate: float | None = Field(default=None, gt=0)
    """Fastest believable change, native units a second: a faster one is believed when it has stayed."""
    # Modbus
    fc: Literal[1, 2, 3, 4] | None = None
    write_fc: Literal[5, 6, 15, 16] | None = None
    address: int | None = Field(default=None, ge=0, le=0xFFFF)
    type: RegisterType | None = None
    scale: float = 1.0
    offset: float = 0.0
    repeat: int = Field(default=1, ge=1, le=128)
    """The point stands `repeat` times, at following addresses, as `relay_1`, `relay_2` …"""
    relative: bool = False
    """The address counts from the instrument's `base` in the gateway's configuration."""
    atomic_with: str = ""
    """Key of another point that must be read in the same request."""
    pulse: Pulse | None = None
    """The instrument's own timer for this point, where it has one."""

    @model_validator(mode="after")
    def _modbus_is_whole(self) -> Self:
        if self.address is not None:
            if self.type is None:
                raise ValueError(f"point {self.key}: a Modbus point needs a type")
            if self.access is not Access.WRITE and self.fc is None:
                raise ValueError(f"point {self.key}: a readable Modbus point needs fc 1-4")
            if self.access is not Access.READ and self.write_fc is None:
                raise ValueError(f"point {self.key}: a writable Modbus point needs write_fc 5, 6, 15 or 16")
        if self.repeat > 1 and len(_FIRST.findall(self.key)) != 1:
            raise ValueError(f"point {self.key}: a repeated point's key holds _1 once, such as relay_1")
        return self

    @property
    def mappings(self) -> tuple[Canonical, ...]:
        """Every class point that the value maps to."""
        return (*(() if self.canonical is None else (self.canonical,)), *self.also)

    @property
    def wraps_at(self) -> float | None:
        """Native value at which a counter starts again by itself; None where it has no such end."""
        if self.kind != "counter" or self.modulus is not None:
            return self.modulus
        if self.type not in _COUNTER_BITS:
            return None
        return _clean(2 ** _COUNTER_BITS[self.type] * self.scale)

    @property
    def words(self) -> int:
        """Registers or coils that the value takes."""
        return self.type.words if self.type is not None else 0

    @property
    def is_bit(self) -> bool:
        """Whether the value is a coil or discrete input."""
        return self.type is RegisterType.BOOL

    def native(self, raw: float | bool) -> float | int | bool:
        """The value in `unit` for the raw number on the wire; stays whole where nothing scales it."""
        if isinstance(raw, bool):
            return raw
        if self.scale == 1 and self.offset == 0:
            return raw
        return _clean(raw * self.scale + self.offset)

    def raw(self, native: float | bool) -> float | bool:
        """The raw number for a value in `unit`."""
        return native if isinstance(native, bool) else _clean((native - self.offset) / self.scale)


def _clean(number: float) -> float:
    """`number` without the dust of binary fractions: 0.1 × 3 is 0.3."""
    return float(f"{number:.12g}")


class Limits(_Data):
    """What the instrument bears."""

    max_registers: int = Field(default=125, ge=1, le=125)
    max_coils: int = Field(default=2000, ge=1, le=2000)
    never_bridge: list[tuple[int, int]] = []
    """Address ranges (inclusive) that must not be read along with others."""
    clear_on_read: list[tuple[int, int]] = []
    alone: bool = False
    """The instrument answers to any unit id, so that no other may share its bus."""
    request_gap_ms: int = Field(default=0, ge=0)
    """Silence that the instrument needs between two requests."""
    min_period_s: float = Field(default=0, ge=0)
    """Battery instruments: not to be asked more often than this."""


class Vector(_Data):
    """A frame with its meaning; every profile's vectors are tests of its driver."""

    name: str
    origin: Literal["captured", "built"] = "built"
    request: str | None = None
    response: str | None = None
    ascii: str | None = None
    base: int | None = None
    """Address of the first register where only a response is known."""
    expect: dict[str, float | int | bool | str | None] = {}


class Profile(_Data):
    """One instrument model."""

    id: Annotated[str, Field(alias="profile", pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    title_vi: str = ""
    """What it is, in Vietnamese, in a few words."""
    maker: str = ""
    models: list[str] = []
    device_class: Annotated[str, Field(alias="class")]
    role: str = ""
    evidence: Literal["A", "B", "C"]
    disabled: str = ""
    """Why the profile must not be used yet; empty for a usable one."""
    driver: str
    """`modbus`, or the module of edge/drivers/ that knows the frames."""
    transports: list[Literal["modbus-rtu", "modbus-tcp", "modbus-rtu-over-tcp", "serial", "tcp", "gpio"]]
    serial: SerialLine | None = None
    wiring: str = ""
    """What a technician connects, where that is not plain RS-485."""
    unit_id: int = Field(default=1, ge=0, le=255)
    limits: Limits = Limits()
    stride: int = Field(default=0, ge=0)
    """Distance between two instruments of a family that share one unit (luminaires of a DALI line)."""
    invalid: list[int] = []
    """Raw values that mean "no value"."""
    options: dict[str, Any] = {}
    """Settings of the driver, such as litres per pulse; a gateway's configuration may override them."""
    points: Annotated[list[ProfilePoint], Field(min_length=1)]
    spoils: list[Spoils] = []
    signs: list[Sign] = []
    """What is read where the instrument is this model."""
    alike: list[str] = []
    """Profiles of models that look the same and have another map."""
    readdress: Readdress | None = None
    vectors: list[Vector] = []
    notes: str = ""
    sources: list[str] = []

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        keys = [point.key for point in self.expanded]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ValueError(f"key declared twice: {', '.join(sorted(twice))}")
        named = [(f"spoils {rule.when}", key) for rule in self.spoils for key in (rule.when, *rule.spoils)]
        named += [("signs", sign.key) for sign in self.signs]
        if self.readdress is not None:
            named += [("readdress", key) for key in (self.readdress.key, self.readdress.save) if key]
        named += [(f"vector {vector.name}", key) for vector in self.vectors for key in vector.expect]
        named += [
            (f"point {point.key}", mapping.write)
            for point in self.expanded
            for mapping in point.mappings
            if mapping.write
        ]
        named += [
            (f"point {point.key}", key)
            for point in self.expanded
            if point.pulse is not None
            for key in (point.pulse.holds_true, point.pulse.holds_false)
            if key
        ]
        for place, key in named:
            if key not in keys:
                raise ValueError(f"{place}: {key!r} is no point of this profile")
        by_key = {point.key: point for point in self.expanded}
        for point in self.expanded:
            for mapping in point.mappings:
                if mapping.write and by_key[mapping.write].access is Access.READ:
                    raise ValueError(f"point {point.key}: {mapping.write!r} cannot be written")
        if self.driver == "modbus" and any(point.address is None for point in self.points):
            raise ValueError("every point of a Modbus profile needs an address")
        return self

    @cached_property
    def expanded(self) -> tuple[ProfilePoint, ...]:
        """All points, with repeated ones written out."""
        points: list[ProfilePoint] = []
        for point in self.points:
            if point.repeat == 1:
                points.append(point)
                continue
            points.extend(
                point.model_copy(
                    update={
                        "key": _FIRST.sub(f"_{number + 1}", point.key),
                        "address": None if point.address is None else point.address + number * point.words,
                        "repeat": 1,
                        "canonical": point.canonical if number == 0 else None,
                        "also": point.also if number == 0 else [],
                        "pulse": point.pulse and point.pulse.of_number(number + 1),
                    }
                )
                for number in range(point.repeat)
            )
        return tuple(points)

    @cached_property
    def by_key(self) -> dict[str, ProfilePoint]:
        """All points by key."""
        return {point.key: point for point in self.expanded}

    def at(self, base: int) -> Profile:
        """The profile with its relative addresses counted from `base`.

        Raises:
            pydantic.ValidationError: an address would lie beyond 65535.
        """
        if not any(point.relative for point in self.points):
            return self
        content = self.model_dump(by_alias=True)
        for point in content["points"]:
            if point["relative"]:
                point.update(address=base + point["address"], relative=False)
        return Profile.model_validate(content)


def load_profile(file: Path, classes: dict[str, DeviceClass]) -> Profile:
    """The profile in `file`, checked against its class.

    Raises:
        ProfileError: the file is wrong, or maps onto points that its class does not have; names file, line
            and field of every fault.
    """
    profile = load_yaml(file, Profile, ProfileError)
    problems: list[Problem] = []
    if profile.id != file.stem:
        problems.append(Problem(1, "profile", f"{profile.id!r} is not the file's name {file.stem!r}"))
    device_class = classes.get(profile.device_class)
    if device_class is None:
        problems.append(
            Problem(0, "class", f"{profile.device_class!r} is none of {', '.join(sorted(classes))}")
        )
    else:
        for number, point in enumerate(profile.points):
            problems.extend(
                Problem(
                    0,
                    f"points.{number}.canonical",
                    f"{mapping.metric!r} is no point of class {device_class.id}",
                )
                for mapping in point.mappings
                if mapping.metric not in device_class.by_metric
            )
    if problems:
        raise ProfileError(file, problems)
    return profile
