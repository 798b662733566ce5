"""Issued forecasts with what came of them, and the CSV files that they are kept in.

Columns: `issued` (day or time of issue), `day`, `plot`, `pest`, `probability`, `came` (1, 0, or empty where
nobody looked), and `model` and `climatology` where known.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from cloud.forecast.errors import CountFault

COLUMNS: Final = ("issued", "day", "plot", "pest", "probability", "came")


@dataclass(frozen=True, slots=True)
class Record:
    """One forecast of one day."""

    issued: date
    day: date
    plot: str
    pest: str
    model: str
    probability: float
    came: bool | None
    """None where nobody looked."""
    climatology: float | None = None

    @property
    def lead_d(self) -> int:
        """Days from issue to the day foreseen."""
        return (self.day - self.issued).days


def read_records(file: Path) -> list[Record]:
    """The forecasts in `file`, by day of issue.

    Raises:
        CountFault: the file cannot be read, a column is missing or a cell is wrong; names file and line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise CountFault(
                    f"{file}: has no column {missing[0]}; its columns must hold {', '.join(COLUMNS)}"
                )
            told = [_record(file, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as failure:
        raise CountFault(f"{file}: cannot be read as CSV: {failure}; give a readable UTF-8 file") from failure
    return sorted(told, key=lambda each: (each.issued, each.day, each.plot, each.pest))


def _record(file: Path, line: int, row: dict[str, str | None]) -> Record:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    try:
        issued = datetime.fromisoformat(cells["issued"]).date()
        day = datetime.fromisoformat(cells["day"]).date()
        probability = _share(cells["probability"])
        usual = cells.get("climatology", "")
        climatology = _share(usual) if usual else None
        came = {"": None, "0": False, "1": True}[cells["came"]]
    except KeyError as failure:
        raise CountFault(
            f"{file}:{line}: came: {failure} is neither 1 nor 0 nor empty; correct it"
        ) from failure
    except ValueError as failure:
        raise CountFault(f"{file}:{line}: {failure}; correct the cell") from failure
    if day < issued:
        raise CountFault(
            f"{file}:{line}: the day {day} is before its issue {issued}: that is no forecast; drop it"
        )
    return Record(
        issued, day, cells["plot"], cells["pest"], cells.get("model", ""), probability, came, climatology
    )


def _share(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError(f"the probability {text} is not within 0 … 1")
    return value
