"""Hourly series from CSV files: read, checked, looped with the hour of day kept, interpolated."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from simulators.errors import SeriesError
from telemetry.errors import Problem

HOUR_S: Final = 3600
MAX_HOURS: Final = 200_000
"""More than twenty years: a file that spans more is not what it claims to be."""


@dataclass(frozen=True, slots=True)
class HourlySeries:
    """Values of whole days, one an hour, that repeat for ever."""

    values: array[float]
    first_hour: int
    """Hour of day (local) of the first value."""

    def index(self, local_s: float) -> int:
        """Which value belongs to the hour that holds `local_s` (seconds of local time since 1970)."""
        return (math.floor(local_s / HOUR_S) - self.first_hour) % len(self.values)

    def at(self, local_s: float) -> float:
        """The value at a time, linear between the full hours."""
        here = self.index(local_s)
        part = (local_s / HOUR_S) % 1.0
        return self.values[here] * (1 - part) + self.values[(here + 1) % len(self.values)] * part

    def scaled(self, factor: float) -> HourlySeries:
        """The same series, every value times `factor`."""
        return HourlySeries(array("d", (value * factor for value in self.values)), self.first_hour)


def read_hourly(file: Path, time_column: str, columns: Iterable[str]) -> dict[str, HourlySeries]:
    """The named columns of a CSV file with a header and one row an hour, cut to whole days.

    Missing values and missing hours are filled on a straight line between their neighbours.

    Raises:
        SeriesError: the file cannot be read, has no such column, holds text where a number must be, runs
            backwards, is shorter than a day, or has a column without any value.
    """
    wanted = list(dict.fromkeys(columns))
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream)
            _require_columns(file, rows.fieldnames or (), [time_column, *wanted])
            first, times, table = _read_rows(file, rows, time_column, wanted)
    except OSError as failure:
        raise SeriesError(file, [Problem(0, "", f"cannot be read: {failure.strerror}")]) from failure
    except (UnicodeDecodeError, csv.Error) as failure:
        raise SeriesError(file, [Problem(0, "", f"is no CSV text in UTF-8: {failure}")]) from failure
    if first is None or times[-1] < 23:
        raise SeriesError(file, [Problem(0, time_column, "needs the hours of at least one whole day")])
    length = (times[-1] + 1) // 24 * 24
    return {
        name: HourlySeries(_filled(file, name, times, table[name], length), first.hour) for name in wanted
    }


def _require_columns(file: Path, known: Sequence[str], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in known]
    if missing:
        cause = f"no column {', '.join(map(repr, missing))}; the file has {', '.join(map(repr, known))}"
        raise SeriesError(file, [Problem(1, "", cause)])


def _read_rows(
    file: Path, rows: csv.DictReader[str], time_column: str, wanted: list[str]
) -> tuple[datetime | None, list[int], dict[str, list[float]]]:
    """Time of the first row, hours since then, and the columns; a missing value is NaN."""
    times: list[int] = []
    columns: dict[str, list[float]] = {name: [] for name in wanted}
    first: datetime | None = None
    for row in rows:
        time = _time(file, rows.line_num, time_column, row)
        first = first or time
        hour = round((time - first) / timedelta(hours=1))
        if times and hour <= times[-1]:
            cause = f"{row[time_column]!r} does not come after the row before it"
            raise SeriesError(file, [Problem(rows.line_num, time_column, cause)])
        if hour >= MAX_HOURS:
            cause = f"{row[time_column]!r} lies more than {MAX_HOURS} hours after the first row"
            raise SeriesError(file, [Problem(rows.line_num, time_column, cause)])
        times.append(hour)
        for name in wanted:
            columns[name].append(_number(file, rows.line_num, name, row))
    return first, times, columns


def _time(file: Path, line: int, column: str, row: Mapping[str, str | None]) -> datetime:
    text = row[column] or ""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as failure:
        cause = f"{text!r} is no time such as 2024-05-15T13:00"
        raise SeriesError(file, [Problem(line, column, cause)]) from failure


def _number(file: Path, line: int, column: str, row: Mapping[str, str | None]) -> float:
    text = (row[column] or "").strip()
    if not text:
        return math.nan
    try:
        number = float(text)
    except ValueError as failure:
        raise SeriesError(file, [Problem(line, column, f"{text!r} is no number")]) from failure
    return number if math.isfinite(number) else math.nan


def _filled(file: Path, name: str, times: list[int], values: list[float], length: int) -> array[float]:
    if times[-1] == len(times) - 1 and not any(map(math.isnan, values)):
        return array("d", values[:length])
    known = [(hour, value) for hour, value in zip(times, values, strict=True) if not math.isnan(value)]
    if not known:
        raise SeriesError(file, [Problem(0, name, "has no value at all")])
    filled = array("d", bytes(8 * length))
    right = 0
    for hour in range(length):
        while right < len(known) and known[right][0] < hour:
            right += 1
        if right == 0:
            filled[hour] = known[0][1]
        elif right == len(known):
            filled[hour] = known[-1][1]
        else:
            (before, low), (after, high) = known[right - 1], known[right]
            filled[hour] = low + (high - low) * (hour - before) / (after - before)
    return filled
