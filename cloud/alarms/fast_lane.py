"""The fast lane: judges every scan as it is stored, and keeps the registry's alarms true to it."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud.alarms.calm import Gate
from cloud.alarms.limits import DeviceView, Judgement, LimitRule, judge, rules_of
from cloud.backoff import Backoff
from cloud.errors import RegistryUnavailable
from cloud.registry.port import Admission, AlarmRecord, DeviceRecord, NewAlarm
from cloud.store.port import Channel, Row, Scan
from telemetry.clock import Clock, SystemClock
from telemetry.devices.classes import DeviceClass

KEPT_DEVICES: Final = 200_000
"""Past this the device that was heard of longest ago is forgotten; it is judged afresh when it speaks."""
KEPT_VERDICTS: Final = 10_000
"""Verdicts that wait while the registry is away. Past this the oldest is dropped and counted: as long as its
condition lasts, the device's next reading gives it again."""
KEPT_GATES: Final = 400_000
"""Channels whose quiet rows are passed over; past this all are forgotten, after what they hold was learnt."""
REFRESH_S: Final = 10.0
FLUSH_S: Final = 1.0
"""Longest that one call spends on writing verdicts; the rest waits for the next call."""
PAGE: Final = 10_000

_log = logging.getLogger(__name__)


class AlarmBook(Protocol):
    """The calls of the registry that the fast lane needs."""

    def raise_alarm(self, alarm: NewAlarm) -> int: ...
    def clear_alarm(self, device: str, rule: str, *, time_ms: int) -> bool: ...
    def alarms(self, *, open_only: bool = False, limit: int = 1000) -> list[AlarmRecord]: ...
    def devices(
        self, *, admission: Admission | None = None, after: str = "", limit: int = 1000
    ) -> list[DeviceRecord]: ...


@dataclass(frozen=True, slots=True)
class _Ended:
    time_ms: int


_Key = tuple[str, str]
"""Device and rule."""


class FastLane:
    """Limit alarms of all classes. Blocking; thread-safe; never fails because of the registry.

    Several workers may each see a part of a device's scans: which alarms are active is read back from the
    registry every `REFRESH_S`, and the registry makes one alarm of what two of them raise. While the registry
    does not answer, verdicts wait (bounded), newest for each alarm, and are written when it is back.
    """

    def __init__(
        self,
        registry: AlarmBook,
        classes: Mapping[str, DeviceClass],
        clock: Clock | None = None,
        *,
        kept_verdicts: int = KEPT_VERDICTS,
    ) -> None:
        self._registry = registry
        self._rules = {name: rules_of(device_class) for name, device_class in classes.items()}
        self._rule_ids = {rule.id for rules in self._rules.values() for rule in rules}
        self._clock = clock or SystemClock()
        self._kept_verdicts = kept_verdicts
        self._lock = threading.Lock()
        self._views: OrderedDict[str, DeviceView] = OrderedDict()
        self._gates: dict[Channel, Gate] = {}
        self._gates_of: dict[str, list[Gate]] = {}
        self._troubled: set[str] = set()
        """Devices with an alarm that is active, or about to be: all that they send is judged."""
        self._active: set[_Key] = set()
        self._retired: set[str] = set()
        self._waiting: OrderedDict[_Key, NewAlarm | _Ended] = OrderedDict()
        self._backoff = Backoff(1.0, 30.0)
        self._refresh_at = float("-inf")
        self._try_at = float("-inf")
        self.dropped = 0
        """Verdicts that were dropped because too many waited."""

    def judge(self, scans: Sequence[Scan | Row]) -> None:
        """Judge `scans`, which tell of the present, in the order given; raise and clear alarms."""
        with self._lock:
            self._with_registry(self._refresh)
            for item in scans:
                if isinstance(item, Row):
                    if self._is_quiet(item):
                        continue
                    scan = item.scan()
                else:
                    scan = item
                if rules := self._rules.get(scan.device_class):
                    self._judge(rules, scan)
            if self._waiting:
                self._with_registry(self._flush)

    def _is_quiet(self, row: Row) -> bool:
        gate = self._gates.get(row.channel)
        if gate is None:
            rules = self._rules.get(row.channel.device_class)
            if not rules:
                return True
            gate = self._new_gate(row.channel, rules)
        return row.channel.device not in self._troubled and gate.passes(row)

    def _new_gate(self, channel: Channel, rules: list[LimitRule]) -> Gate:
        if len(self._gates) >= KEPT_GATES:
            for device in list(self._gates_of):
                self._learn_quiet(device)
            self._gates.clear()
            self._gates_of.clear()
        gate = Gate(channel, rules, self._view(channel.device))
        self._gates[channel] = gate
        self._gates_of.setdefault(channel.device, []).append(gate)
        return gate

    def _learn_quiet(self, device: str) -> None:
        """Let the device's view learn the rows that were passed over, in their order."""
        rows = [row for gate in self._gates_of.get(device, ()) if (row := gate.take()) is not None]
        for row in sorted(rows, key=lambda row: row.time_ms):
            judge(self._rules[row.channel.device_class], self._view(device), row.scan())

    def _view(self, device: str) -> DeviceView:
        view = self._views.get(device)
        if view is None:
            view = self._views[device] = DeviceView()
            if len(self._views) > KEPT_DEVICES:
                forgotten, _ = self._views.popitem(last=False)
                for gate in self._gates_of.pop(forgotten, ()):
                    del self._gates[gate.channel]
        return view

    def _judge(self, rules: list[LimitRule], scan: Scan) -> None:
        view = self._view(scan.device)
        self._views.move_to_end(scan.device)
        self._learn_quiet(scan.device)
        for rule, judgement, from_ms in judge(rules, view, scan):
            key = (scan.device, rule.id)
            waits = self._waiting.get(key)
            is_active = key in self._active if waits is None else isinstance(waits, NewAlarm)
            if judgement is Judgement.HOLDS and not is_active and scan.device not in self._retired:
                self._decide(key, rule.new_alarm(scan, from_ms))
            elif judgement is Judgement.ENDED and is_active:
                self._decide(key, _Ended(from_ms))

    def _decide(self, key: _Key, verdict: NewAlarm | _Ended) -> None:
        if key in self._waiting:
            self._with_registry(self._flush)  # both are true in their turn, as long as they can be written
        self._waiting[key] = verdict
        self._troubled.add(key[0])
        self._waiting.move_to_end(key)
        if len(self._waiting) > self._kept_verdicts:
            (device, rule), _ = self._waiting.popitem(last=False)
            self.dropped += 1
            _log.warning(
                "alarm-verdict-dropped", extra={"device": device, "rule": rule, "dropped": self.dropped}
            )

    def _with_registry(self, step: Callable[[], None]) -> None:
        if self._clock.monotonic() < self._try_at:
            return
        try:
            step()
        except RegistryUnavailable as error:
            pause = self._backoff.next_s()
            self._try_at = self._clock.monotonic() + pause
            _log.warning(
                "alarms-wait-for-registry",
                extra={"waiting": len(self._waiting), "retry_s": round(pause, 1), "cause": str(error)},
            )
        else:
            self._backoff.reset()

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now < self._refresh_at:
            return
        retired: set[str] = set()
        after = ""
        while page := self._registry.devices(admission=Admission.RETIRED, after=after, limit=PAGE):
            retired |= {device.id for device in page}
            after = page[-1].id
        active = [
            alarm for alarm in self._registry.alarms(open_only=True, limit=KEPT_DEVICES) if alarm.active
        ]
        self._retired = retired
        self._active = {(alarm.device, alarm.rule) for alarm in active}
        self._troubled = {device for device, _ in self._active | self._waiting.keys()}
        self._refresh_at = now + REFRESH_S
        for alarm in active:
            if self._is_orphan(alarm):
                self._decide((alarm.device, alarm.rule), _Ended(max(self._clock.now_ms(), alarm.raised_ms)))

    def _is_orphan(self, alarm: AlarmRecord) -> bool:
        """Whether nothing will ever clear it: its device is retired, or its rule has left the class."""
        device_class, slash, _ = alarm.rule.partition("/")
        if not slash or device_class not in self._rules:
            return False
        return alarm.device in self._retired or alarm.rule not in self._rule_ids

    def _flush(self) -> None:
        end = self._clock.monotonic() + FLUSH_S
        while self._waiting and self._clock.monotonic() < end:
            key, verdict = next(iter(self._waiting.items()))
            if isinstance(verdict, NewAlarm):
                self._registry.raise_alarm(verdict)
                self._active.add(key)
            else:
                self._registry.clear_alarm(*key, time_ms=verdict.time_ms)
                self._active.discard(key)
            del self._waiting[key]
            _log.info(
                "alarm-raised" if isinstance(verdict, NewAlarm) else "alarm-cleared",
                extra={"device": key[0], "rule": key[1]},
            )
