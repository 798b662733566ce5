"""Sorts the metrics of one payload: values by time into scans, commands' results, faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cloud.ingest.devices import ABOUT_DEVICE, OF_COMMANDS, Device, Devices
from cloud.ingest.faults import Fault, Reason
from cloud.ingest.validation import Rule, check_time, check_value, with_sign
from cloud.store.port import Scan
from telemetry.commands import CommandStatus
from telemetry.readings import Quality, Value
from telemetry.sparkplug import metrics as names
from telemetry.sparkplug.metrics import quality_of
from telemetry.sparkplug.payload import DataType, Metric, Payload
from telemetry.sparkplug.topics import Topic, Verb

_ID_CHARACTERS: Final = 100
_ERROR_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a gateway reports of a command."""

    command_id: str
    status: CommandStatus
    error: str
    time_ms: int


class PayloadReader:
    """Reads one DDATA or DBIRTH of a known device; the attributes hold what was found."""

    def __init__(self, topic: Topic, device: Device, devices: Devices, now_ms: int) -> None:
        self._topic = topic
        self._device = device
        self._devices = devices
        self._now_ms = now_ms
        self._fields: dict[int, dict[str, Value]] = {}
        self._quality: dict[int, dict[str, Quality]] = {}
        self._commands: dict[int, dict[str, Metric]] = {}
        self.faults: dict[Reason, list[str]] = {}
        """What is wrong with metrics that cannot be stored."""
        self.results: list[CommandResult] = []
        self.bad_values = 0
        """Values stored as bad although the sender called them good."""

    def read(self, payload: Payload) -> None:
        """Sort all metrics of `payload`."""
        for metric in payload.metrics:
            if not metric.is_transient:
                self._note(self._take(metric, payload.time_ms))
        if self._topic.verb is Verb.DDATA:
            for time_ms, metrics in self._commands.items():
                self._take_result(time_ms, metrics)

    def scans(self) -> Iterator[Scan]:
        """The values, one scan a time."""
        device = self._device
        for time_ms, fields in self._fields.items():
            if fields:
                quality = self._quality.get(time_ms, {})
                yield Scan(
                    device.device_class,
                    self._topic.area,
                    self._topic.gateway,
                    device.id,
                    time_ms,
                    fields,
                    quality,
                )

    def _note(self, fault: Fault | None) -> None:
        if fault is not None:
            self.faults.setdefault(fault.reason, []).append(fault.detail)

    def _take(self, metric: Metric, sent_ms: int | None) -> Fault | None:
        name = metric.name or self._device.aliases.get(-1 if metric.alias is None else metric.alias)
        if not name:
            return Fault(Reason.UNKNOWN_ALIAS, f"alias {metric.alias}")
        time_ms = sent_ms if metric.time_ms is None else metric.time_ms
        if name in OF_COMMANDS:
            self._commands.setdefault(time_ms or self._now_ms, {})[name] = metric
        rule = self._rule(name)
        if rule is None:
            if name in ABOUT_DEVICE:
                return None
            return Fault(Reason.UNKNOWN_METRIC, f"{name[:80]!r} in class {self._device.device_class}")
        if time_ms not in self._fields:
            wrong = check_time(time_ms, self._now_ms)
            if wrong or time_ms is None:
                return Fault(Reason.BAD_TIME, f"{name}: {wrong}")
            self._fields[time_ms] = {}
        return self._keep(rule, metric, time_ms)

    def _rule(self, name: str) -> Rule | None:
        rule = self._device.rules.get(name)
        if rule is None and name not in ABOUT_DEVICE:
            self._device = self._devices.find_again(self._device)
            rule = self._device.rules.get(name)
        return rule

    def _keep(self, rule: Rule, metric: Metric, time_ms: int) -> Fault | None:
        value = metric.value
        if metric.type is DataType.UNKNOWN:
            value = with_sign(value, self._device.types.get(rule.metric))
        if type(value) is rule.exact and not metric.properties and rule.low <= value <= rule.high:
            self._fields[time_ms][rule.field] = value  # the usual case, in one look
            return None
        quality = quality_of(metric)[0] if metric.properties else Quality.GOOD
        checked = check_value(rule, value, quality)
        if isinstance(checked, Fault):
            return checked
        self._fields[time_ms][rule.field] = checked.value
        if checked.quality is not Quality.GOOD:
            self._quality.setdefault(time_ms, {})[rule.field] = checked.quality
        self.bad_values += bool(checked.reason)
        return None

    def _take_result(self, time_ms: int, metrics: Mapping[str, Metric]) -> None:
        told = {name: metric.value for name, metric in metrics.items()}
        command_id = told.get(names.COMMAND_LAST_ID)
        code = told.get(names.COMMAND_STATUS)
        error = told.get(names.COMMAND_ERROR)
        if not isinstance(command_id, str) or not command_id:
            return
        name = printable(command_id, _ID_CHARACTERS)
        try:
            status = CommandStatus(code if isinstance(code, int) else -1)
        except ValueError:
            self._note(Fault(Reason.WRONG_TYPE, f"{names.COMMAND_STATUS} {code!r} of {name}"))
            return
        text = printable(error, _ERROR_CHARACTERS) if isinstance(error, str) else ""
        self.results.append(CommandResult(name, status, text, time_ms))


def printable(text: str, longest: int) -> str:
    """`text` from outside, fit for a database and a page: no control characters, at most `longest` long."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return cut if cut.isprintable() else "".join(each if each.isprintable() else "�" for each in cut)
