"""Weekly counts of one pest at one place, and the CSV files that they come in.

Columns as in the public weekly records: `Observation Year`, `Standard Week`, `Pest Value`, `Collection Type`,
`PEST NAME`, `Location`; others, such as weather, are left alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cloud.forecast.arrays import FloatArray, IntArray
from cloud.forecast.errors import CountFault

WEEKS: Final = 52
"""Weeks of a year; week 53 is counted to week 52."""
COLUMNS: Final = (
    *("Observation Year", "Standard Week", "Pest Value"),
    *("Collection Type", "PEST NAME", "Location"),
)
_UNKNOWN: Final = ("", "NA", "NaN", "nan")


@dataclass(frozen=True, slots=True)
class CountSeries:
    """One pest, one place, one way of counting; one value a week without a hole, NaN where nobody counted."""

    pest: str
    place: str
    method: str
    first_week: int
    """Year · 52 + week - 1 of the first value."""
    values: FloatArray

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.pest} / {self.place} / {self.method}"

    @property
    def weeks(self) -> IntArray:
        """Absolute week of each value."""
        return self.first_week + np.arange(len(self.values))

    @property
    def years(self) -> IntArray:
        """Year of each value."""
        years: IntArray = self.weeks // WEEKS
        return years

    @property
    def known_weeks(self) -> int:
        """How many weeks somebody counted."""
        return int((~np.isnan(self.values)).sum())

    def until(self, year: int) -> CountSeries:
        """What was known at the end of `year`."""
        return CountSeries(
            self.pest, self.place, self.method, self.first_week, self.values[self.years <= year]
        )


def read_counts(files: Iterable[Path]) -> list[CountSeries]:
    """The series in `files`, joined; a week that is given twice keeps its first value.

    Raises:
        CountFault: a file cannot be read, a column is missing, or a cell is no number; names file and line.
    """
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for file in files:
        for key, week, value in _rows(file):
            found.setdefault(key, {}).setdefault(week, value)
    return [_series(key, weeks) for key, weeks in sorted(found.items())]


def _rows(file: Path) -> list[tuple[tuple[str, str, str], int, float]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise CountFault(
                    f"{file}: has no column {missing[0]}; its columns must hold {', '.join(COLUMNS)}"
                )
            return [row for each in reader if (row := _row(file, reader.line_num, each)) is not None]
    except (OSError, UnicodeDecodeError, csv.Error) as failure:
        raise CountFault(f"{file}: cannot be read as CSV: {failure}; give a readable UTF-8 file") from failure


def _row(file: Path, line: int, row: dict[str, str]) -> tuple[tuple[str, str, str], int, float] | None:
    text = (row["Pest Value"] or "").strip()
    if text in _UNKNOWN:
        return None
    try:
        year, week, value = int(row["Observation Year"]), int(row["Standard Week"]), float(text)
    except (TypeError, ValueError) as failure:
        raise CountFault(f"{file}:{line}: {failure}; correct or empty the cell") from failure
    if not 1 <= week <= WEEKS + 1 or not math.isfinite(value) or value < 0:
        raise CountFault(
            f"{file}:{line}: week {week} with value {text} cannot be: weeks are 1 … 53, counts 0 or more"
        )
    key = (row["PEST NAME"].strip(), row["Location"].strip(), row["Collection Type"].strip())
    return key, year * WEEKS + min(week, WEEKS) - 1, value


def _series(key: tuple[str, str, str], weeks: dict[int, float]) -> CountSeries:
    first, last = min(weeks), max(weeks)
    values = np.full(last - first + 1, np.nan)
    for week, value in weeks.items():
        values[week - first] = value
    return CountSeries(*key, first, values)
