"""What a province's devices would have measured in a stretch of the past, as one CSV file a gateway."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from simulators.canonical import Reported, reported_by
from simulators.errors import SimError
from simulators.province import Province, Readout
from telemetry.devices.library import Library
from telemetry.readings import Value

HEADER: Final = ("time", "device", "metric", "value")
MAX_STEPS: Final = 1_000_000
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Span:
    """Full multiples of `every` (since 1970) from `start` up to, not including, `end`.

    The same stretch asked for a second time gives the same times.
    """

    start: datetime
    end: datetime
    every: timedelta

    def __post_init__(self) -> None:
        """Raises SimError for a span that is empty or too long."""
        if self.every < timedelta(seconds=1):
            raise SimError("--every must be at least 1s")
        if self.end <= self.start:
            raise SimError(f"--to ({self.end:%F %T}) must come after --from ({self.start:%F %T})")
        if (self.end - self.start) / self.every > MAX_STEPS:
            raise SimError(f"more than {MAX_STEPS} steps between --from and --to: give a larger --every")

    def times(self) -> Iterator[datetime]:
        """All times, oldest first."""
        step = self.every.total_seconds()
        time = datetime.fromtimestamp(math.ceil(self.start.timestamp() / step) * step, UTC)
        while time < self.end:
            yield time
            time += self.every


def parse_duration(text: str) -> timedelta:
    """`90s`, `10m`, `6h`, `3d`. Raises SimError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise SimError(f"{text!r} is no duration: write 90s, 10m, 6h or 3d")
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        raise SimError(f"{text!r} is too long") from None


def parse_time(text: str, now: datetime) -> datetime:
    """ISO 8601 (UTC where it names no zone), `now`, or a time before now such as `-3d`. Raises SimError."""
    text = text.strip()
    if text == "now":
        return now
    try:
        if text.startswith("-"):
            return now - parse_duration(text[1:])
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise SimError(f"{text!r} is no time: write 2026-01-05T08:30:00+07:00, -3d or now") from None


@dataclass(frozen=True, slots=True)
class _Column:
    """One instrument with the metrics that it gives."""

    readout: Readout
    reported: list[Reported]


def write_history(province: Province, library: Library, span: Span, folder: Path) -> dict[str, Path]:
    """Write `<gateway>.csv` (time, device, metric, value) for each gateway; the files by gateway.

    Raises:
        SimError: the folder cannot be written.
    """
    columns = _columns(province, library)
    files = {gateway: folder / f"{gateway}.csv" for gateway in columns}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as open_files:
            writers = {
                gateway: csv.writer(open_files.enter_context(file.open("w", newline="", encoding="utf-8")))
                for gateway, file in files.items()
            }
            for writer in writers.values():
                writer.writerow(HEADER)
            for time in span.times():
                stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                for gateway, writer in writers.items():
                    writer.writerows(_rows(columns[gateway], stamp, time.timestamp()))
    except OSError as failure:
        raise SimError(f"history cannot be written to {folder}: {failure.strerror}") from failure
    return files


def _columns(province: Province, library: Library) -> dict[str, list[_Column]]:
    """The instruments of each gateway, those of one device together."""
    columns: dict[str, list[_Column]] = {}
    for device in province.settings.devices:
        device_class = library.classes[device.device_class]
        for readout in province.readouts:
            if readout.device is device:
                reported = reported_by(readout.profile, dict(readout.settings.map), device_class)
                columns.setdefault(device.gateway, []).append(_Column(readout, reported))
    return columns


def _rows(columns: list[_Column], stamp: str, time_s: float) -> Iterator[tuple[Any, ...]]:
    for column in columns:
        device = column.readout.device.id
        values = column.readout.values(time_s)
        for each in column.reported:
            value = each.value(values.get(each.source.key))
            if value is not None:
                yield stamp, device, each.target.metric, _text(value)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
