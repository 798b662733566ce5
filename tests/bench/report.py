"""What every benchmark writes: figures beside a named reference of the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `ratio` is value : reference's value, measured in the same run."""

    metric: str
    value: float
    unit: str
    reference: str
    ratio: float
    command: str


def write(name: str, figures: list[Figure]) -> None:
    """Write `results/<name>.json` and print the figures, ratios first."""
    RESULTS.mkdir(exist_ok=True)
    rounded = [
        {**asdict(figure), "value": float(f"{figure.value:.4g}"), "ratio": float(f"{figure.ratio:.4g}")}
        for figure in figures
    ]
    (RESULTS / f"{name}.json").write_text(json.dumps(rounded, indent=1) + "\n")
    for figure in figures:
        print(
            f"{figure.ratio:8.3g} × {figure.reference:<46} {figure.metric}: {figure.value:.4g} {figure.unit}"
        )


def best_seconds(work: Callable[[], object], repeat: int = 7, loops: int = 1000) -> float:
    """Shortest time of one call over `repeat` rounds of `loops` calls."""

    def one_round() -> float:
        begin = perf_counter()
        for _ in range(loops):
            work()
        return (perf_counter() - begin) / loops

    return min(one_round() for _ in range(repeat))
