"""Reading a VictoriaMetrics server, which has no InfluxQL.

It stores a line as one series a field, `<class>_<field>{area, class, device, gateway}`, every value as a
float; texts are not written to it at all. A value that was sent twice is kept twice and told once here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cloud.store.aggregation import aggregate_samples
from cloud.store.http import HttpServer
from cloud.store.line_protocol import QUALITY_SUFFIX, RAW_SUFFIX
from cloud.store.port import Aggregate, Sample, StoreUnavailable
from telemetry.readings import Quality

_DEVICES_A_QUERY: Final = 200
_WINDOWS: Final = ("1h", "1d", "31d", "10y")
"""The newest value is looked for in the shortest first: most devices have spoken within the hour."""
_COUNTED_AT_ONCE_MS: Final = 86_400_000
_MAX_AHEAD_MS: Final = 2 * 86_400_000
"""The server drops what is further in the future."""
_CLOCKS_MS: Final = 10 * 60_000
"""So far ahead of ours a gateway's clock may be."""
_EARLIEST_MS: Final = 864_000_000
"""1970-01-11: a window that reaches back to 0 finds nothing in some versions."""


@dataclass(frozen=True, slots=True)
class _Series:
    device: str
    name: str
    """Field, with the suffix of a bad value."""


class VictoriaReader:
    """The reading half of a store. Thread-safe."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    def latest(self, devices: Sequence[str] | None) -> dict[str, dict[str, Sample]]:
        """Newest sample of every field; see the port."""
        newest: dict[_Series, tuple[int, float]] = {}
        for part in _parts(devices):
            missing = set(self._listed(part))
            asked = [part]
            for window in _WINDOWS:
                if not missing:
                    break
                for some in asked:
                    newest.update(self._newest(some, window))
                missing -= newest.keys()
                asked = list(_parts(sorted({each.device for each in missing})))
        return _merged(newest)

    def series(
        self,
        device: str,
        name: str,
        start_ms: int,
        end_ms: int,
        *,
        every_ms: int | None,
        aggregate: Aggregate,
        limit: int,
    ) -> list[Sample]:
        """Samples of one field in a time range; see the port."""
        wanted = f'__name__=~".+_{re.escape(name)}({QUALITY_SUFFIX}|{RAW_SUFFIX})?"'
        found: dict[str, dict[int, float]] = {}
        for series, times, values in self._exported([device], start_ms, end_ms, wanted):
            found.setdefault(series.name, {}).update(zip(times, values, strict=True))
        raw = found.get(name + RAW_SUFFIX, {})
        samples = {time_ms: Sample(time_ms, value) for time_ms, value in found.get(name, {}).items()}
        for time_ms, code in found.get(name + QUALITY_SUFFIX, {}).items():
            samples[time_ms] = Sample(time_ms, raw.get(time_ms), _quality(code))
        ascending = [samples[time_ms] for time_ms in sorted(samples)]
        if every_ms is not None:
            ascending = aggregate_samples(ascending, every_ms, aggregate)
        return ascending[:limit]

    def count(self, start_ms: int, end_ms: int, devices: Sequence[str] | None) -> int:
        """Number of stored values; see the port."""
        counted = f'__name__!~".+{RAW_SUFFIX}"'
        total = 0
        for part in _parts(devices):
            first, last = self._bounds(part, *_possible(start_ms, end_ms))
            span = _COUNTED_AT_ONCE_MS
            while first < last:
                end = min(first + span, last)
                found = sum(len(set(times)) for _, times, _ in self._exported(part, first, end, counted))
                total += found
                span = _COUNTED_AT_ONCE_MS if found else span * 2  # years without data take few steps
                first = end
        return total

    def _bounds(self, devices: Sequence[str], start_ms: int, end_ms: int) -> tuple[int, int]:
        """The part of the range in which there is any data, so that years without are not walked."""
        window = f"{_selector(devices)}[{max(1, end_ms - start_ms)}ms]"
        at = {"time": _seconds(end_ms - 1), "nocache": "1"}
        oldest = self._asked({**at, "query": f"min(tfirst_over_time({window}))"})
        newest = self._asked({**at, "query": f"max(tlast_over_time({window}))"})
        if not oldest or not newest:
            return 0, 0
        return _milliseconds(oldest[0]["value"][1]), _milliseconds(newest[0]["value"][1]) + 1

    def _listed(self, devices: Sequence[str]) -> Iterator[_Series]:
        answer = self._server.get("/api/v1/series", {"match[]": _selector(devices), "start": "1"})
        for labels in _data(answer.status, answer.json(), answer.error):
            series = _series_of(labels)
            if series is not None:
                yield series

    def _newest(self, devices: Sequence[str], window: str) -> dict[_Series, tuple[int, float]]:
        selector = f"{_selector(devices)}[{window}]"
        values = f'label_set(last_over_time({selector}), "is", "value")'
        times = f'label_set(tlast_over_time({selector}) keep_metric_names, "is", "time")'
        told: dict[_Series, dict[str, str]] = {}
        at = {"time": _seconds(time.time_ns() // 1_000_000 + _CLOCKS_MS), "nocache": "1"}
        for each in self._asked({**at, "query": f"({values}, {times})"}):
            series = _series_of(each["metric"])
            if series is not None:
                told.setdefault(series, {})[each["metric"]["is"]] = each["value"][1]
        return {
            series: (_milliseconds(parts["time"]), float(parts["value"]))
            for series, parts in told.items()
            if parts.keys() == {"time", "value"}
        }

    def _exported(
        self, devices: Sequence[str], start_ms: int, end_ms: int, condition: str
    ) -> Iterator[tuple[_Series, list[int], list[float]]]:
        selector = _selector(devices, condition)
        start_ms, end_ms = _possible(start_ms, end_ms)
        answer = self._server.get(
            "/api/v1/export",
            {"match[]": selector, "start": _seconds(start_ms), "end": _seconds(end_ms - 1)},
        )
        if answer.status != 200:
            raise StoreUnavailable(f"the store refuses to export {selector[:200]}: {answer.error}")
        for line in answer.body.splitlines():
            told = orjson.loads(line)
            series = _series_of(told["metric"])
            if series is not None:
                yield series, told["timestamps"], [float(value) for value in told["values"]]

    def _asked(self, parameters: Mapping[str, str]) -> list[Any]:
        answer = self._server.get("/api/v1/query", parameters)
        result: list[Any] = _data(answer.status, answer.json(), answer.error)["result"]
        return result


def _data(status: int, told: Any, error: str) -> Any:
    if status != 200 or not isinstance(told, dict) or told.get("status") != "success":
        raise StoreUnavailable(f"the store refuses a query: {error}")
    return told["data"]


def _merged(newest: Mapping[_Series, tuple[int, float]]) -> dict[str, dict[str, Sample]]:
    found: dict[str, dict[str, Sample]] = {}
    for series, (time_ms, value) in newest.items():
        if not series.name.endswith((QUALITY_SUFFIX, RAW_SUFFIX)):
            found.setdefault(series.device, {})[series.name] = Sample(time_ms, value)
    for series, (time_ms, code) in newest.items():
        if not series.name.endswith(QUALITY_SUFFIX):
            continue
        name = series.name.removesuffix(QUALITY_SUFFIX)
        fields = found.setdefault(series.device, {})
        if name not in fields or fields[name].time_ms <= time_ms:
            raw_ms, raw = newest.get(_Series(series.device, name + RAW_SUFFIX), (-1, 0.0))
            fields[name] = Sample(time_ms, raw if raw_ms == time_ms else None, _quality(code))
    return found


def _series_of(labels: Mapping[str, str]) -> _Series | None:
    """The field of a series that kega wrote; None for any other."""
    beginning = labels.get("class", "") + "_"
    name = labels.get("__name__", "")
    if "device" not in labels or not name.startswith(beginning):
        return None
    return _Series(labels["device"], name.removeprefix(beginning))


def _selector(devices: Sequence[str], condition: str = "") -> str:
    conditions = ['class!=""', 'device!=""']
    if devices:
        conditions[1] = f"device=~{_quoted('|'.join(map(re.escape, devices)))}"
    return "{" + ",".join([*conditions, *filter(None, [condition])]) + "}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def _parts(devices: Sequence[str] | None) -> Iterator[Sequence[str]]:
    if devices is None:
        yield ()
        return
    for first in range(0, len(devices), _DEVICES_A_QUERY):
        yield devices[first : first + _DEVICES_A_QUERY]


def _seconds(time_ms: int) -> str:
    return f"{time_ms // 1000}.{time_ms % 1000:03d}"


def _milliseconds(seconds: str) -> int:
    return round(float(seconds) * 1000)


def _latest_possible_ms() -> int:
    return time.time_ns() // 1_000_000 + _MAX_AHEAD_MS


def _possible(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The range without times that the server would take for "not given", or cannot hold."""
    return max(start_ms, _EARLIEST_MS), min(end_ms, _latest_possible_ms())


def _quality(code: float) -> Quality:
    try:
        return Quality(int(code))
    except ValueError:
        return Quality.BAD
