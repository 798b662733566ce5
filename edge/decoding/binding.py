"""A gateway's configuration bound to the library: which instrument gives which metric of which device."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from edge.commands.configured import faults as write_faults
from edge.config import (
    Cause,
    DeviceConfig,
    GatewayConfig,
    InstrumentConfig,
    load_gateway_config,
)
from edge.decoding.mapping import Mapping, mapping_of
from edge.decoding.sharing import Sharing
from edge.drivers.modbus.planner import TCP_COST, plan_blocks
from edge.drivers.registry import MODBUS, places_of
from edge.drivers.values import witnesses
from edge.errors import DriverError, PlanError
from edge.programs.configured import faults as program_faults
from edge.report.configured import faults as report_faults
from telemetry.devices.classes import DeviceClass, Point
from telemetry.devices.library import Library
from telemetry.devices.profiles import Access, Canonical, Profile
from telemetry.errors import KegaError, ProfileError


@dataclass(frozen=True)
class BoundInstrument:
    """One Modbus unit or serial line, ready to be read."""

    device: str
    profile: Profile
    """With the configuration's options, and its addresses moved to the instrument's base."""
    bus: str
    unit: int
    every_s: float
    mappings: tuple[Mapping, ...]
    slow_s: MappingOf[str, float] = field(default_factory=dict, hash=False)
    """Profile key → seconds, for points that are read more rarely."""

    @property
    def name(self) -> str:
        """How logs and errors call it."""
        place = f"unit {self.unit}" if self.profile.driver == MODBUS else ", ".join(self.places)
        return f"{self.device}/{self.profile.id} {place}".rstrip()

    @cached_property
    def places(self) -> tuple[str, ...]:
        """What tells it from others on its line, where it is no Modbus unit."""
        try:
            return places_of(self.profile)
        except DriverError:
            return ()

    @cached_property
    def scan_keys(self) -> frozenset[str]:
        """Points that every scan reads: the mapped ones and those that can disprove them."""
        mapped = {mapping.key for mapping in self.mappings}
        keys = mapped | witnesses(self.profile, mapped)
        return frozenset(key for key in keys if self.profile.by_key[key].access is not Access.WRITE)

    @cached_property
    def by_metric(self) -> dict[str, Mapping]:
        """Mappings by metric name."""
        return {mapping.metric: mapping for mapping in self.mappings}


@dataclass(frozen=True)
class BoundDevice:
    """One asset with everything that it can send and take."""

    id: str
    device_class: DeviceClass
    title: str
    latitude: float | None
    longitude: float | None
    instruments: tuple[BoundInstrument, ...]

    @property
    def model(self) -> str:
        """What the device is made of, for people."""
        return ", ".join(dict.fromkeys(each.profile.title for each in self.instruments))

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Class points that the device can send, in the class's order."""
        mapped = {mapping.metric for each in self.instruments for mapping in each.mappings}
        return tuple(point for point in self.device_class.points if point.metric in mapped)

    @cached_property
    def writable(self) -> frozenset[str]:
        """Metrics that can be written on this device."""
        return frozenset(m.metric for each in self.instruments for m in each.mappings if m.write_key)

    def instrument_of(self, metric: str) -> BoundInstrument | None:
        """The instrument that gives `metric`."""
        return next((each for each in self.instruments if metric in each.by_metric), None)


@dataclass(frozen=True)
class BoundGateway:
    """A configuration that can be run."""

    config: GatewayConfig
    devices: tuple[BoundDevice, ...]

    @cached_property
    def by_id(self) -> dict[str, BoundDevice]:
        """Devices by id."""
        return {device.id: device for device in self.devices}

    def on_bus(self, bus: str) -> list[BoundInstrument]:
        """Instruments of one bus, in the file's order."""
        return [each for device in self.devices for each in device.instruments if each.bus == bus]


def load_gateway(file: Path, library: Library, *, folder: Path | None = None) -> BoundGateway:
    """The gateway configured in `file`, bound to `library`; relative paths mean `folder`, or that of `file`.

    Raises:
        ConfigError: the file is wrong, by itself or against the library; every fault has line and field.
    """
    config = load_gateway_config(file, lambda each: _Binder(each, library).causes(), folder=folder)
    return bind_gateway(config, library)


def bind_gateway(config: GatewayConfig, library: Library) -> BoundGateway:
    """`config`, made by a program or already checked, bound to `library`.

    Raises:
        KegaError: the configuration does not fit the library.
    """
    binder = _Binder(config, library)
    causes = binder.causes()
    if causes:
        raise KegaError("; ".join(f"{'.'.join(map(str, path))}: {cause}" for path, cause in causes))
    return BoundGateway(config, tuple(binder.devices))


def lone_instrument(profile: Profile, device_class: DeviceClass, unit: int | None = None) -> BoundInstrument:
    """An instrument that no configuration knows, with its profile's own mapping: for technicians."""
    mappings = tuple(
        mapping_of(profile, point.key, rule, device_class.by_metric[rule.metric])
        for point in profile.expanded
        for rule in point.mappings
    )
    chosen = profile.unit_id if unit is None else unit
    return BoundInstrument(profile.id, profile, "", chosen, 1.0, mappings)


class _Binder:
    """Binds devices one by one and notes every fault on the way."""

    def __init__(self, config: GatewayConfig, library: Library) -> None:
        self.config = config
        self.library = library
        self.devices: list[BoundDevice] = []
        self._causes: list[Cause] = []
        self._sharing = Sharing()

    def causes(self) -> list[Cause]:
        """Every fault; also fills `devices` with what could be bound."""
        for number, device in enumerate(self.config.devices):
            self._device(("devices", number), device)
        across = (write_faults, program_faults, report_faults)
        return self._causes + [cause for each in across for cause in each(self.config, self.devices)]

    def _note(self, path: tuple[int | str, ...], cause: str) -> None:
        self._causes.append((path, cause))

    def _device(self, path: tuple[int | str, ...], device: DeviceConfig) -> None:
        device_class = self.library.classes.get(device.device_class)
        if device_class is None:
            known = ", ".join(sorted(self.library.classes))
            self._note((*path, "class"), f"{device.device_class!r} is none of {known}")
            return
        instruments: list[BoundInstrument] = []
        given: dict[str, str] = {}
        for number, config in enumerate(device.instruments):
            place = (*path, "instruments", number)
            bound = self._instrument(place, device, device_class, config)
            if bound is None:
                continue
            for mapping in bound.mappings:
                if mapping.metric in given:
                    self._note(
                        place,
                        f"{mapping.metric} already comes from {given[mapping.metric]}: "
                        f"drop it here with `map: {{{mapping.key}: null}}`",
                    )
                given.setdefault(mapping.metric, bound.profile.id)
            instruments.append(bound)
        self.devices.append(
            BoundDevice(
                device.id,
                device_class,
                device.title or device.id,
                device.latitude,
                device.longitude,
                tuple(instruments),
            )
        )

    def _instrument(
        self,
        path: tuple[int | str, ...],
        device: DeviceConfig,
        device_class: DeviceClass,
        config: InstrumentConfig,
    ) -> BoundInstrument | None:
        profile = self._profile(path, config)
        if profile is None:
            return None
        self._usable(path, config, profile)
        unit = profile.unit_id if config.unit_id is None else config.unit_id
        self._bus(path, config, profile, unit)
        mappings = self._mappings(path, device_class, config, profile)
        if not mappings:
            self._note(path, f"nothing of {profile.id} maps onto class {device_class.id}: give a `map`")
        bound = BoundInstrument(device.id, profile, config.bus, unit, config.every_s, mappings, config.slow_s)
        is_modbus = profile.driver == MODBUS
        if is_modbus and (cause := self._sharing.take(config, unit, device.id, profile, mappings)):
            self._note((*path, "unit_id" if config.unit_id is not None else "bus"), cause)
        self._slow(path, config, profile)
        self._plan(path, bound)
        return bound

    def _profile(self, path: tuple[int | str, ...], config: InstrumentConfig) -> Profile | None:
        try:
            profile = self.library.profile(config.profile)
        except ProfileError as error:
            self._note((*path, "profile"), f"the profile itself is wrong: {error}")
            return None
        except KegaError as error:
            self._note((*path, "profile"), str(error))
            return None
        unknown = sorted(set(config.options) - set(profile.options))
        for name in unknown:
            self._note((*path, "options", name), f"{profile.id} has no such option")
        try:
            return profile.model_copy(update={"options": {**profile.options, **config.options}}).at(
                config.base
            )
        except ValidationError:
            self._note((*path, "base"), f"{config.base} puts points beyond address 65535")
            return None

    def _usable(self, path: tuple[int | str, ...], config: InstrumentConfig, profile: Profile) -> None:
        if profile.disabled and not config.allow_unproven:
            self._note(
                (*path, "profile"),
                f"{profile.id} must not be used yet: {profile.disabled}. "
                "`allow_unproven: true` tries it all the same",
            )
        if config.every_s < profile.limits.min_period_s:
            self._note(
                (*path, "every_s"),
                f"{profile.id} must not be asked more often than every {profile.limits.min_period_s:g} s",
            )
        if config.base and profile.stride == 0:
            self._note((*path, "base"), f"{profile.id} has no addresses that count from a base")
        elif config.base and config.base % profile.stride:
            self._note((*path, "base"), f"{config.base} is no multiple of {profile.stride}")

    def _bus(
        self, path: tuple[int | str, ...], config: InstrumentConfig, profile: Profile, unit: int
    ) -> None:
        bus = self.config.bus_by_id.get(config.bus)
        if bus is None:
            return
        where, cause = self._sharing.put(bus, config, profile, unit)
        if cause:
            self._note((*path, where), cause)

    def _slow(self, path: tuple[int | str, ...], config: InstrumentConfig, profile: Profile) -> None:
        for key, seconds in config.slow_s.items():
            if key not in profile.by_key:
                self._note((*path, "slow_s", key), f"{profile.id} has no point {key!r}")
            elif seconds < config.every_s:
                cause = f"{seconds:g} s is sooner than every_s: {config.every_s:g} s"
                self._note((*path, "slow_s", key), cause)

    def _plan(self, path: tuple[int | str, ...], instrument: BoundInstrument) -> None:
        profile = instrument.profile
        if profile.driver == MODBUS:
            wanted = [point for point in profile.expanded if point.key in instrument.scan_keys]
            try:
                plan_blocks(wanted, profile.limits, TCP_COST)
            except PlanError as error:
                self._note((*path, "profile"), str(error))

    def _mappings(
        self,
        path: tuple[int | str, ...],
        device_class: DeviceClass,
        config: InstrumentConfig,
        profile: Profile,
    ) -> tuple[Mapping, ...]:
        chosen: list[tuple[str, Canonical, bool]] = []
        for point in profile.expanded:
            if point.key not in config.map:
                chosen += [(point.key, rule, False) for rule in point.mappings]
        for key, target in config.map.items():
            if key not in profile.by_key:
                self._note((*path, "map", key), f"{profile.id} has no point {key!r}")
            elif target is not None and profile.by_key[key].access is Access.WRITE:
                self._note((*path, "map", key), f"{key} of {profile.id} cannot be read back")
            elif target is not None:
                chosen.append((key, target, True))
        mappings: dict[str, Mapping] = {}
        for key, rule, explicit in chosen:
            class_point = device_class.by_metric.get(rule.metric)
            if class_point is None:
                # a profile's own mapping may aim at another class: what this class lacks is not sent
                if explicit or profile.device_class == device_class.id:
                    cause = f"{rule.metric!r} is no point of class {device_class.id}"
                    self._note((*path, "map", key), cause)
                continue
            if rule.write and rule.write not in profile.by_key:
                self._note((*path, "map", key, "write"), f"{profile.id} has no point {rule.write!r}")
                continue
            if rule.metric in mappings:
                cause = f"{rule.metric} already comes from {mappings[rule.metric].key}"
                self._note((*path, "map", key), f"{cause}: drop one with null")
            mappings[rule.metric] = mapping_of(profile, key, rule, class_point)
        return tuple(mappings.values())
