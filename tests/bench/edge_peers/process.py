"""What a process uses, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory now, in bytes, and threads."""

    resident: int
    proportional: int
    threads: int


def cpu_seconds(pid: int) -> float:
    """User and system time that the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(pid: int) -> Memory:
    """Memory of the process."""
    rollup = _kilobytes(Path(f"/proc/{pid}/smaps_rollup").read_text())
    threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    return Memory(rollup["Rss"] * 1024, rollup["Pss"] * 1024, threads)


def _kilobytes(text: str) -> dict[str, int]:
    lines = (line.split() for line in text.splitlines()[1:])
    return {fields[0].rstrip(":"): int(fields[1]) for fields in lines}
