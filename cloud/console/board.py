"""The live picture that all pages of one role share: devices, alarms and gateways, kept by events.

Pure: no I/O, no clock. `Watch` is what one page has not seen yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from cloud.console.client import Event
from cloud.console.models import (
    Alarm,
    ClassInfo,
    Command,
    Device,
    DeviceState,
    Gateway,
    LatestReading,
    Sample,
)
from telemetry.devices.classes import Severity

SEVERITIES: Final = (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.INFO)
"""Most severe first."""
_COMMANDS_KEPT: Final = 500
_LATITUDE: Final = "position_latitude"
_LONGITUDE: Final = "position_longitude"


@dataclass(slots=True)
class Marker:
    """What the board keeps of a device: enough for map, list and tooltip."""

    id: str
    device_class: str
    name: str
    latitude: float | None
    longitude: float | None
    admission: str
    state: DeviceState
    headline: dict[str, Sample]
    """Newest values of the class's headline points, by field."""

    @property
    def place(self) -> tuple[float | None, float | None]:
        """Latitude and longitude, degrees."""
        return self.latitude, self.longitude

    @property
    def face(self) -> tuple[str, str, str]:
        """What a page keeps of it until it loads all markers anew."""
        return self.device_class, self.name, self.admission


@dataclass(slots=True)
class Watch:
    """Changes that one page has not taken yet; bounded by the number of things that can change."""

    focus: str = ""
    """The device whose every value the page shows."""
    reset: bool = True
    """Devices came, went or changed their name: load all markers anew."""
    devices: set[str] = field(default_factory=set)
    alarms: bool = True
    readings: dict[str, Sample] = field(default_factory=dict)
    commands: dict[str, Command] = field(default_factory=dict)

    def look_at(self, device: str) -> None:
        """Follow another device, or none (`""`)."""
        self.focus = device
        self.readings = {}
        self.commands = {}

    def take(self) -> Watch:
        """What has changed since the last call."""
        taken = Watch(
            self.focus, self.reset, self.devices, self.alarms, readings=self.readings, commands=self.commands
        )
        self.reset, self.devices, self.alarms, self.readings, self.commands = False, set(), False, {}, {}
        return taken


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as asked from the API at one time."""

    classes: tuple[ClassInfo, ...]
    gateways: tuple[Gateway, ...]
    devices: tuple[Device, ...]
    alarms: tuple[Alarm, ...]
    latest: tuple[LatestReading, ...]


class Board:
    """Devices, open alarms and gateways of the moment."""

    def __init__(self) -> None:
        self.classes: dict[str, ClassInfo] = {}
        self.devices: dict[str, Marker] = {}
        self.alarms: dict[int, Alarm] = {}
        self.gateways: dict[str, bool] = {}
        """Gateway → whether it is online."""
        self.commands: OrderedDict[str, Command] = OrderedDict()
        """The newest commands, oldest first; past a bound the oldest go."""
        self.values_seen = 0
        """Values received since the start; the overview's rate is its slope."""
        self.incomplete = False
        """An event told of something unknown or of lost events: load a snapshot soon."""
        self._alarms_of: dict[str, set[int]] = {}
        self._headlines: dict[str, frozenset[str]] = {}
        self._watches: list[Watch] = []

    def watch(self) -> Watch:
        """A new watch; it begins with everything to see."""
        watch = Watch()
        self._watches.append(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        """End a watch."""
        self._watches = [other for other in self._watches if other is not watch]

    def load(self, snapshot: Snapshot) -> None:
        """Take over everything; what events brought since, headline values and places, stays."""
        self.classes = {known.id: known for known in snapshot.classes}
        self._headlines = {
            known.id: frozenset(point.field for point in known.points if point.headline)
            for known in snapshot.classes
        }
        self.gateways = {gateway.id: gateway.online for gateway in snapshot.gateways}
        self._load_devices(snapshot.devices)
        self._load_alarms(snapshot.alarms)
        for reading in snapshot.latest:
            self._keep_values(reading)
        self.incomplete = False

    def _load_devices(self, devices: Iterable[Device]) -> None:
        known, self.devices = self.devices, {}
        for device in devices:
            if device.admission == "retired":
                continue
            before = known.get(device.id)
            marker = _marker(device, before)
            self.devices[device.id] = marker
            if before is None or before.face != marker.face:
                self._reset()
            elif (before.state, before.place) != (marker.state, marker.place):
                self._changed((device.id,))
        if known.keys() - self.devices.keys():
            self._reset()

    def _load_alarms(self, alarms: Iterable[Alarm]) -> None:
        known, self.alarms, self._alarms_of = self.alarms, {}, {}
        for alarm in alarms:
            self._keep_alarm(alarm)
        changed = {n for n in known.keys() | self.alarms.keys() if known.get(n) != self.alarms.get(n)}
        self._changed((self.alarms.get(n) or known[n]).device for n in changed)
        if changed:
            self._alarms_changed()

    def apply(self, event: Event) -> None:
        """Take in one event of the stream; one that cannot be read marks the board as incomplete."""
        try:
            match event.kind:
                case "reading":
                    self._reading(event.data)
                case "device":
                    self._device(event.data)
                case "gateway":
                    self._gateway(event.data)
                case "alarm":
                    self._alarm(Alarm.model_validate(event.data))
                case "command":
                    self.keep_command(Command.model_validate(event.data))
                case "lost":
                    self.incomplete = True
        except ValidationError:
            self.incomplete = True

    def keep_command(self, command: Command) -> None:
        """Take in a command's newest state."""
        self.commands[command.id] = command
        self.commands.move_to_end(command.id)
        if len(self.commands) > _COMMANDS_KEPT:
            self.commands.popitem(last=False)
        for watch in self._watches:
            if watch.focus == command.device:
                watch.commands[command.id] = command

    def keep_values(self, reading: LatestReading) -> None:
        """Take in values of one device."""
        self._keep_values(reading)
        for watch in self._watches:
            if watch.focus == reading.device:
                watch.readings.update(reading.fields)

    def keep_alarm(self, alarm: Alarm) -> None:
        """Take in an alarm's newest state, as after acknowledging it."""
        self._alarm(alarm)

    def alarms_of(self, device: str) -> list[Alarm]:
        """The device's open alarms, most severe first."""
        alarms = [self.alarms[number] for number in self._alarms_of.get(device, ())]
        return sorted(alarms, key=lambda alarm: (SEVERITIES.index(alarm.severity), -alarm.raised_ms))

    def open_alarms(self) -> list[Alarm]:
        """All open alarms, newest first."""
        return sorted(self.alarms.values(), key=lambda alarm: (-alarm.raised_ms, -alarm.id))

    def counts(self) -> dict[DeviceState, int]:
        """Devices by state."""
        counts: dict[DeviceState, int] = {"online": 0, "stale": 0, "offline": 0}
        for device in self.devices.values():
            counts[device.state] += 1
        return counts

    def _reading(self, data: dict[str, Any]) -> None:
        told = data.get("fields")
        samples = told.items() if isinstance(told, dict) else ()
        time_ms = data.get("time_ms")
        fields = {
            name: {"time_ms": time_ms, **sample} for name, sample in samples if isinstance(sample, dict)
        }
        reading = LatestReading.model_validate({**data, "fields": fields})
        self.values_seen += len(reading.fields)
        if reading.device not in self.devices:
            self.incomplete = True
        self.keep_values(reading)

    def _keep_values(self, reading: LatestReading) -> None:
        device = self.devices.get(reading.device)
        if device is None:
            return
        headline = self._headlines.get(device.device_class, frozenset())
        for name in headline & reading.fields.keys():
            known = device.headline.get(name)
            if known is None or known.time_ms <= reading.fields[name].time_ms:
                device.headline[name] = reading.fields[name]
        latitude, longitude = reading.fields.get(_LATITUDE), reading.fields.get(_LONGITUDE)
        if latitude and longitude and latitude.is_good and longitude.is_good:
            place = (float(latitude.value or 0), float(longitude.value or 0))
            if place != device.place:
                device.latitude, device.longitude = place
                self._changed((device.id,))

    def _device(self, data: dict[str, Any]) -> None:
        device = self.devices.get(str(data.get("id", "")))
        if device is None or {"admission", "title"} & data.keys():
            self.incomplete = True
        if device is not None and data.get("state") in ("online", "stale", "offline"):
            device.state = data["state"]
            self._changed((device.id,))

    def _gateway(self, data: dict[str, Any]) -> None:
        gateway = Gateway.model_validate(data)
        if gateway.id not in self.gateways:
            self.incomplete = True
        if "online" in data:
            self.gateways[gateway.id] = gateway.online

    def _alarm(self, alarm: Alarm) -> None:
        self._drop_alarm(alarm.id)
        self._keep_alarm(alarm)
        self._alarms_changed()
        self._changed((alarm.device,))

    def _keep_alarm(self, alarm: Alarm) -> None:
        if alarm.is_open:
            self.alarms[alarm.id] = alarm
            self._alarms_of.setdefault(alarm.device, set()).add(alarm.id)

    def _drop_alarm(self, number: int) -> None:
        known = self.alarms.pop(number, None)
        if known is not None:
            self._alarms_of[known.device].discard(number)

    def _changed(self, devices: Iterable[str]) -> None:
        changed = set(devices)
        for watch in self._watches:
            watch.devices |= changed

    def _alarms_changed(self) -> None:
        for watch in self._watches:
            watch.alarms = True

    def _reset(self) -> None:
        for watch in self._watches:
            watch.reset = True


def _marker(device: Device, before: Marker | None) -> Marker:
    place = (device.latitude, device.longitude)
    if before is not None and device.latitude is None:
        place = before.place
    return Marker(
        id=device.id,
        device_class=device.device_class,
        name=device.name,
        latitude=place[0],
        longitude=place[1],
        admission=device.admission,
        state=device.state,
        headline=before.headline if before is not None else {},
    )
