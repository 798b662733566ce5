"""The newest value of everything, and whether each device works: in memory, fed by wire, registry and store.

Pure: no I/O and no clock. The wire tells first; the registry is asked again and again and heals what was
missed; the store gives the values from before the start. Whatever the order, the newest time of a field wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cloud.live.events import DeviceChanged, ReadingArrived
from cloud.live.health import Heard
from cloud.live.state import DEFAULT_EVERY_S, DeviceState, state_of
from cloud.registry.port import Admission, DeviceRecord
from cloud.store.port import Sample, Scan
from telemetry.devices.classes import DeviceClass
from telemetry.readings import Quality

MOST_DEVICES: Final = 200_000
MOST_FIELDS: Final = 500
"""Fields of one device; a device that invents more is broken."""
WIRE_LEADS_MS: Final = 10_000
"""So long after a birth or death on the wire the registry, which learns of it later, does not contradict."""


@dataclass(slots=True)
class LiveDevice:
    """What is known of one device now."""

    id: str
    gateway: str
    device_class: str
    admission: Admission
    online: bool = False
    fields: dict[str, Sample] = field(default_factory=dict)
    value_ms: int | None = None
    """Time of the newest value, never later than its arrival: a clock ahead does not keep a device fresh."""
    heard: Heard | None = None
    state: DeviceState = DeviceState.OFFLINE
    wire_told_ms: int = 0
    """When the wire last told whether it is online."""

    @property
    def time_ms(self) -> int | None:
        """Time of the newest value as the device gave it."""
        return max((sample.time_ms for sample in self.fields.values()), default=None)


class LiveView:
    """All devices. Belongs to one event loop."""

    def __init__(self, classes: Mapping[str, DeviceClass]) -> None:
        self._classes = classes
        self._devices: dict[str, LiveDevice] = {}

    def device(self, device: str) -> LiveDevice | None:
        """What is known of the device, or None."""
        return self._devices.get(device)

    def devices(self) -> Iterator[LiveDevice]:
        """All devices, in order of id."""
        return (self._devices[each] for each in sorted(self._devices))

    def class_of(self, device: str) -> str:
        """Class id of the device; empty where it is not known."""
        known = self._devices.get(device)
        return "" if known is None else known.device_class

    def expected_every_s(self, device_class: str) -> float:
        """Interval at which devices of the class speak, in seconds."""
        known = self._classes.get(device_class)
        return DEFAULT_EVERY_S if known is None else known.expected_every_s

    def state(self, record: DeviceRecord, now_ms: int) -> DeviceState:
        """The state of a device of the registry, from what is known of it here too."""
        device = self._devices.get(record.id)
        if device is not None:
            return self.state_now(device, now_ms)
        return state_of(
            online=record.online,
            value_ms=record.last_seen_ms,
            expected_every_s=self.expected_every_s(record.device_class),
            now_ms=now_ms,
        )

    def state_now(self, device: LiveDevice, now_ms: int) -> DeviceState:
        """The state of a device at `now_ms`."""
        return state_of(
            online=device.online,
            value_ms=device.value_ms,
            expected_every_s=self.expected_every_s(device.device_class),
            now_ms=now_ms,
        )

    def load_devices(self, records: Iterable[DeviceRecord], now_ms: int) -> None:
        """What the registry knows: new devices, decisions of people, and who is online."""
        for record in records:
            device = self._devices.get(record.id)
            if device is None:
                device = self._add(record.id, record.gateway, record.device_class, record.admission)
                if device is None:
                    continue
            device.admission = record.admission
            if now_ms - device.wire_told_ms > WIRE_LEADS_MS:
                device.gateway, device.device_class = record.gateway, record.device_class
                device.online = record.online

    def load_stored(self, latest: Mapping[str, Mapping[str, Sample]]) -> None:
        """Values that the store has; they count where nothing newer was heard."""
        for device_id, fields in latest.items():
            device = self._devices.get(device_id)
            if device is not None:
                self._apply(device, fields, received_ms=None)

    def born(self, device_id: str, gateway: str, device_class: str, now_ms: int) -> None:
        """A DBIRTH came."""
        device = self._devices.get(device_id) or self._add(
            device_id, gateway, device_class, Admission.DISCOVERED
        )
        if device is not None:
            device.gateway, device.device_class = gateway, device_class
            device.online, device.wire_told_ms = True, now_ms

    def died(self, device_id: str, now_ms: int) -> None:
        """A DDEATH came."""
        device = self._devices.get(device_id)
        if device is not None:
            device.online, device.wire_told_ms = False, now_ms

    def gateway_died(self, gateway: str, now_ms: int) -> None:
        """An NDEATH came: all devices behind the gateway are gone with it."""
        for device in self._devices.values():
            if device.gateway == gateway:
                device.online, device.wire_told_ms = False, now_ms

    def values(self, scan: Scan, now_ms: int) -> ReadingArrived | None:
        """Values came; returns what of them is news, or None."""
        device = self._devices.get(scan.device)
        if device is None:
            self.born(scan.device, scan.gateway, scan.device_class, now_ms)
            device = self._devices.get(scan.device)
        if device is None:
            return None
        samples = {
            name: Sample(scan.time_ms, value, scan.quality.get(name, Quality.GOOD))
            for name, value in scan.fields.items()
        }
        news = self._apply(device, samples, received_ms=now_ms)
        if not news:
            return None
        return ReadingArrived(device.id, device.device_class, device.gateway, scan.time_ms, news)

    @property
    def is_full(self) -> bool:
        """Whether no more devices are taken in; the others are told from registry and store."""
        return len(self._devices) >= MOST_DEVICES

    def ids(self) -> list[str]:
        """All devices, in no order."""
        return list(self._devices)

    def changes(self, now_ms: int, devices: Iterable[str] | None = None) -> list[DeviceChanged]:
        """Devices, of `devices` where given, whose state is another than when they were last looked at."""
        changed = []
        asked = self._devices if devices is None else devices
        for device in (self._devices[each] for each in asked):
            state = self.state_now(device, now_ms)
            if state is not device.state:
                device.state = state
                changed.append(DeviceChanged(device.id, device.device_class, state))
        return changed

    def recently_heard(self, since_ms: int, most: int) -> list[Heard]:
        """The newest values of up to `most` devices that were heard since then."""
        found: list[Heard] = []
        for device in self._devices.values():
            if device.heard is not None and device.heard.received_ms >= since_ms and len(found) < most:
                found.append(device.heard)
        return found

    def _add(
        self, device_id: str, gateway: str, device_class: str, admission: Admission
    ) -> LiveDevice | None:
        if len(self._devices) >= MOST_DEVICES:
            return None
        device = LiveDevice(device_id, gateway, device_class, admission)
        self._devices[device_id] = device
        return device

    @staticmethod
    def _apply(
        device: LiveDevice, fields: Mapping[str, Sample], received_ms: int | None
    ) -> dict[str, Sample]:
        news: dict[str, Sample] = {}
        for name, sample in fields.items():
            known = device.fields.get(name)
            if known is None and len(device.fields) >= MOST_FIELDS:
                continue
            if known is None or sample.time_ms > known.time_ms:
                device.fields[name] = news[name] = sample
        if news:
            newest = max(sample.time_ms for sample in news.values())
            fresh = newest if received_ms is None else min(newest, received_ms)
            device.value_ms = fresh if device.value_ms is None else max(device.value_ms, fresh)
            if received_ms is not None:
                device.heard = Heard(device.id, newest, received_ms)
        return news
