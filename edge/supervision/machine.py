"""What the kernel says of process, disk and board."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_THERMAL: Final = Path("/sys/class/thermal")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Machine:
    """One look; None where the kernel does not tell."""

    memory_bytes: int | None
    """Resident memory of this process."""
    cpu_s: float
    """Processor time of this process since its start."""
    disk_free_bytes: int | None
    """Room for ordinary users on the disk of the state folder."""
    written_bytes: int | None
    """What this process has sent to disks since its start."""
    temperature: float | None
    """The hottest sensor, °C."""


def look(folder: Path, thermal: Path = _THERMAL) -> Machine:
    """The state of now. `folder` stands on the disk that matters."""
    return Machine(_memory(), time.process_time(), _free(folder), _written(), hottest(thermal))


def _memory() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _free(folder: Path) -> int | None:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _written() -> int | None:
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))
    except (OSError, ValueError, StopIteration):
        return None


def hottest(thermal: Path) -> float | None:
    """The highest temperature of all thermal zones, °C; None where there are none that can be read."""
    found = []
    for zone in thermal.glob("thermal_zone*/temp"):
        with contextlib.suppress(OSError, ValueError):  # a sensor that does not answer now
            found.append(int(zone.read_text(encoding="ascii")) / 1000)
    return max(found, default=None)


def boot_id() -> str:
    """The kernel's name of this boot; empty where there is none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
