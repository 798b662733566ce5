"""CSV files of weather, daily and hourly.

Daily: `YYYYMMDD` (2000-07-01 or 20000701), `TEMP` °C, `RHUM` %, `RAIN` mm, and `W` (hours of leaf wetness)
where known; one site a file, or a column `idsite`. Hourly: `TIME` (ISO 8601, local; a time with an offset is
brought to the local clock), `TEMP`, `RHUM`, and `RAIN`, `WIND` m/s, `WET` (share of the hour) where known.
Other columns are left alone. An empty cell or `NA` is a value that is not known.
"""

from __future__ import annotations

import csv
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import numpy as np

from cloud.forecast.arrays import DayArray, FloatArray
from cloud.forecast.errors import WeatherFault
from cloud.forecast.weather.series import DailyWeather, HourlyWeather

LOCAL: Final = timezone(timedelta(hours=7))
"""Asia/Ho_Chi_Minh, which has had no other offset since 1975."""

_UNKNOWN: Final = ("", "NA", "NaN", "nan")


class _Table:
    """Rows of a CSV file by column, with the line number of each row for errors."""

    def __init__(self, file: Path, site: str | None) -> None:
        self._file = file
        try:
            with file.open(encoding="utf-8-sig", newline="") as source:
                reader = csv.DictReader(source)
                self.columns = list(reader.fieldnames or [])
                rows = [(reader.line_num, row) for row in reader]
        except (OSError, UnicodeDecodeError, csv.Error) as failure:
            raise WeatherFault(
                f"{file}: cannot be read as CSV: {failure}; give a readable UTF-8 file"
            ) from failure
        self._rows = self._of_site(rows, site)
        if not self._rows:
            raise WeatherFault(f"{file}: has no rows of weather; give a file with a header and rows")

    def _of_site(
        self, rows: list[tuple[int, dict[str, str]]], site: str | None
    ) -> list[tuple[int, dict[str, str]]]:
        if "idsite" not in self.columns:
            if site is not None:
                raise WeatherFault(f"{self._file}: has no column idsite; leave out the site")
            return rows
        sites = list(dict.fromkeys(row["idsite"] for _, row in rows))
        if site is None and len(sites) > 1:
            raise WeatherFault(f"{self._file}: holds sites {', '.join(sites)}; say which one")
        if site is not None and site not in sites:
            raise WeatherFault(f"{self._file}: has no site {site}; it holds {', '.join(sites)}")
        return [(line, row) for line, row in rows if site is None or row["idsite"] == site]

    def texts(self, column: str) -> list[tuple[int, str]]:
        if column not in self.columns:
            raise WeatherFault(
                f"{self._file}: has no column {column}; its columns are {', '.join(self.columns) or 'none'}"
            )
        return [(line, (row[column] or "").strip()) for line, row in self._rows]

    def numbers(self, column: str) -> FloatArray:
        return np.array([self._number(column, line, text) for line, text in self.texts(column)])

    def numbers_if_any(self, column: str) -> FloatArray | None:
        return self.numbers(column) if column in self.columns else None

    def _number(self, column: str, line: int, text: str) -> float:
        if text in _UNKNOWN:
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.inf
        if math.isinf(value):
            raise WeatherFault(
                f"{self._file}:{line}: {column}: {text!r} is no number; correct or empty the cell"
            )
        return value


def read_daily(file: Path, site: str | None = None) -> DailyWeather:
    """The daily weather in `file`, of `site` where it holds several.

    Raises:
        WeatherFault: the file cannot be read, a column is missing, a cell is no number or date, or
            days do not rise.
    """
    table = _Table(file, site)
    days = np.array([_day(file, line, text) for line, text in table.texts("YYYYMMDD")], dtype="datetime64[D]")
    steps = np.diff(days).astype(int)
    if (steps <= 0).any():
        at = days[int(np.argmax(steps <= 0)) + 1]
        raise WeatherFault(f"{file}: the days do not rise at {at}; sort the rows and drop doubles")
    return DailyWeather(
        days=days,
        temperature=table.numbers("TEMP"),
        humidity=table.numbers("RHUM"),
        rain=table.numbers("RAIN"),
        wet_hours=table.numbers_if_any("W"),
    )


def read_hourly(file: Path, site: str | None = None) -> HourlyWeather:
    """The hourly weather in `file`; hours that the file leaves out come as NaN. Raises as `read_daily`."""
    table = _Table(file, site)
    hours: DayArray = np.array(
        [_hour(file, line, text) for line, text in table.texts("TIME")], dtype="datetime64[h]"
    )
    return HourlyWeather.regular(
        hours,
        table.numbers("TEMP"),
        table.numbers("RHUM"),
        wind=table.numbers_if_any("WIND"),
        rain=table.numbers_if_any("RAIN"),
        wetness=table.numbers_if_any("WET"),
    )


def _day(file: Path, line: int, text: str) -> np.datetime64:
    try:
        return np.datetime64(datetime.fromisoformat(text).date(), "D")
    except ValueError as failure:
        raise WeatherFault(f"{file}:{line}: YYYYMMDD: {text!r} is no date; write 2000-07-01") from failure


def _hour(file: Path, line: int, text: str) -> np.datetime64:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as failure:
        raise WeatherFault(f"{file}:{line}: TIME: {text!r} is no time; write 2026-07-01T05:00") from failure
    if moment.tzinfo is not None:
        moment = moment.astimezone(LOCAL)
    if moment.minute or moment.second:
        raise WeatherFault(f"{file}:{line}: TIME: {text} is no full hour; give one row an hour")
    return np.datetime64(moment.replace(tzinfo=None), "h")
