"""Alarms of the supervisor: which gateways are offline, which devices are silent, which spools overflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cloud.host.changes import AlarmCleared, AlarmRaised, Change
from cloud.host.moment import Moment
from cloud.host.policy import HostPolicy
from cloud.host.session import DeviceSession, GatewaySession, Presence
from cloud.registry.port import AlarmRecord, NewAlarm
from telemetry.devices.classes import DeviceClass, Severity, Text

GATEWAY_OFFLINE: Final = "gateway-offline"
DEVICE_SILENT: Final = "device-silent"
SPOOL_OVERFLOW: Final = "spool-overflow"
RULES: Final = frozenset({GATEWAY_OFFLINE, DEVICE_SILENT, SPOOL_OVERFLOW})
UNKNOWN_GRACE_S: Final = 90.0
"""At least so long may a gateway say nothing after our own (re)connection: one and a half keep-alives."""

_ADVICE: Final = {
    GATEWAY_OFFLINE: Text(
        vi="Kiểm tra nguồn điện, SIM/4G và đèn báo của gateway; số liệu được giữ lại và sẽ gửi sau",
        en="Check the gateway's power, SIM/4G and lamps; it keeps its readings and sends them later",
    ),
    DEVICE_SILENT: Text(
        vi="Kiểm tra nguồn, dây tín hiệu và địa chỉ của thiết bị; chạy kega edge scan tại gateway",
        en="Check the device's power, wiring and address; run kega edge scan at the gateway",
    ),
    SPOOL_OVERFLOW: Text(
        vi="Khôi phục đường truyền của gateway, hoặc tăng giới hạn bộ nhớ đệm (spool) trong cấu hình",
        en="Restore the gateway's uplink, or raise the limits of its spool in its configuration",
    ),
}


class Liveness:
    """Compares what should be alarmed with what is, and says what to change. No clock, no database."""

    def __init__(self, classes: Mapping[str, DeviceClass], policy: HostPolicy) -> None:
        self._policy = policy
        self._silent_after_s = {
            name: policy.silent_intervals * device_class.expected_every_s
            for name, device_class in classes.items()
        }
        self._active: dict[tuple[str, str], int] = {}
        self._retired: frozenset[str] = frozenset()

    def load(self, alarms: Iterable[AlarmRecord]) -> None:
        """The alarms that are active from before."""
        self._active = {
            (alarm.device, alarm.rule): alarm.raised_ms
            for alarm in alarms
            if alarm.active and alarm.rule in RULES
        }

    def retire(self, devices: Iterable[str]) -> None:
        """The devices that people have retired: nobody waits for them any more."""
        self._retired = frozenset(devices)

    def judge(self, gateways: Iterable[GatewaySession], now: Moment) -> list[Change]:
        """What to raise and to clear. Only to be asked while our own connection stands."""
        changes: list[Change] = []
        for gateway in gateways:
            changes += self._gateway(gateway, now)
            if gateway.presence is Presence.ONLINE:
                changes += self._devices(gateway, now)
        return changes

    def _gateway(self, gateway: GatewaySession, now: Moment) -> Iterator[Change]:
        if gateway.presence is Presence.ONLINE or self._is_retired(gateway):
            yield from self._clear(gateway.id, GATEWAY_OFFLINE, now)
        elif self._is_missed(gateway, now):
            yield from self._raise(_gateway_offline(gateway))
        spool = gateway.spool
        if not spool.is_calm(now.s, self._policy.spool_calm_s):
            yield from self._raise(_spool_overflow(gateway, now))
        elif gateway.presence is Presence.ONLINE:
            yield from self._clear(gateway.id, SPOOL_OVERFLOW, now)

    def _is_retired(self, gateway: GatewaySession) -> bool:
        return bool(gateway.devices) and self._retired.issuperset(gateway.devices)

    def _is_missed(self, gateway: GatewaySession, now: Moment) -> bool:
        if gateway.presence is Presence.OFFLINE:
            return now.s - gateway.since.s >= self._policy.gateway_grace_s
        slowest = max(
            (self._silent_after_s.get(device.device_class, 0.0) for device in gateway.devices.values()),
            default=0.0,
        )
        grace = max(self._policy.gateway_grace_s, UNKNOWN_GRACE_S, slowest)
        return now.s - max(gateway.since.s, gateway.heard_s) >= grace

    def _devices(self, gateway: GatewaySession, now: Moment) -> Iterator[Change]:
        for device in gateway.devices.values():
            if device.id in self._retired:
                yield from self._clear(device.id, DEVICE_SILENT, now)
                continue
            if device.died is not None:
                if now.s - device.died.s >= self._policy.device_grace_s:
                    yield from self._raise(_no_answer(gateway, device, device.died.ms))
                continue
            silent_s = now.s - max(device.heard_s, gateway.since.s)
            longest_s = self._silent_after_s.get(device.device_class)
            if longest_s is not None and silent_s > longest_s:
                yield from self._raise(_no_data(gateway, device, silent_s, now))
            elif device.is_born and self._is_back(device, now):
                yield from self._clear(device.id, DEVICE_SILENT, now)

    def _is_back(self, device: DeviceSession, now: Moment) -> bool:
        """A birth alone may be followed by a death at once: live data, or some time, proves the device."""
        return device.heard_s > device.born_s or now.s - device.born_s >= self._policy.device_grace_s

    def _raise(self, alarm: NewAlarm) -> Iterator[Change]:
        key = (alarm.device, alarm.rule)
        if key not in self._active:
            self._active[key] = alarm.raised_ms
            yield AlarmRaised(alarm)

    def _clear(self, device: str, rule: str, now: Moment) -> Iterator[Change]:
        raised_ms = self._active.pop((device, rule), None)
        if raised_ms is not None:
            yield AlarmCleared(device, rule, max(now.ms, raised_ms))


def _gateway_offline(gateway: GatewaySession) -> NewAlarm:
    number = len(gateway.devices)
    text = Text(
        vi=f"Gateway {gateway.id} mất kết nối; {number} thiết bị không gửi được số liệu",
        en=f"Gateway {gateway.id} is offline; {number} devices cannot send their readings",
    )
    return _alarm(gateway, gateway.id, GATEWAY_OFFLINE, text, Severity.MAJOR, raised_ms=gateway.since.ms)


def _no_answer(gateway: GatewaySession, device: DeviceSession, died_ms: int) -> NewAlarm:
    text = Text(
        vi=f"Thiết bị {device.id} không trả lời gateway {gateway.id}",
        en=f"Device {device.id} does not answer its gateway {gateway.id}",
    )
    return _alarm(gateway, device.id, DEVICE_SILENT, text, Severity.MINOR, raised_ms=died_ms)


def _no_data(gateway: GatewaySession, device: DeviceSession, silent_s: float, now: Moment) -> NewAlarm:
    text = Text(
        vi=f"Thiết bị {device.id} không gửi số liệu đã {silent_s:.0f} giây",
        en=f"Device {device.id} has sent no data for {silent_s:.0f} s",
    )
    began_ms = now.ms - round(silent_s * 1000)
    return _alarm(gateway, device.id, DEVICE_SILENT, text, Severity.MINOR, raised_ms=began_ms)


def _spool_overflow(gateway: GatewaySession, now: Moment) -> NewAlarm:
    text = Text(
        vi=f"Bộ nhớ đệm của gateway {gateway.id} đã đầy: mất {gateway.spool.lost} số đo cũ nhất",
        en=f"The spool of gateway {gateway.id} is full: its {gateway.spool.lost} oldest readings are lost",
    )
    return _alarm(gateway, gateway.id, SPOOL_OVERFLOW, text, Severity.MAJOR, raised_ms=now.ms)


def _alarm(
    gateway: GatewaySession, device: str, rule: str, text: Text, severity: Severity, *, raised_ms: int
) -> NewAlarm:
    return NewAlarm(
        device=device,
        gateway=gateway.id,
        rule=rule,
        severity=severity.value,
        text_vi=text.vi,
        text_en=text.en,
        advice_vi=_ADVICE[rule].vi,
        advice_en=_ADVICE[rule].en,
        value=None,
        limit=None,
        raised_ms=raised_ms,
    )
