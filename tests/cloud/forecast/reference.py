"""Reading of the figures in `data/`."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from cloud.forecast.arrays import FloatArray

DATA = Path(__file__).parent / "data"


def text(name: str) -> str:
    """The content of file `name`, unpacked where it is packed."""
    packed = DATA / f"{name}.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes()).decode()
    return (DATA / name).read_text(encoding="utf-8")


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(name))))


def column(of: list[dict[str, str]], name: str) -> FloatArray:
    return np.array([float(row[name]) for row in of])
