"""What the kernel says of the machine's clock: whether it is kept right, and what set it at the start."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC of <linux/timex.h>."""
_TIME_ERROR: Final = 5


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), up to what is read here; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The state of the machine's clock."""

    is_synchronised: bool
    """Whether NTP or PTP keeps it right."""
    error_s: float
    """By how much it may be wrong, as the kernel counts it; without meaning where it is not synchronised."""


def read_kernel() -> KernelClock:
    """The state of now; not synchronised where the kernel does not tell."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        told = _Timex()
        result = libc.adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return KernelClock(False, 0.0)
    lost = result in (-1, _TIME_ERROR) or bool(told.status & _UNSYNCHRONISED)
    return KernelClock(not lost, told.maxerror / 1_000_000)


def keeps_time_when_off(root: Path = Path("/")) -> bool:
    """Whether the machine's clock was set at its start by something that knows the time.

    That is a clock with a battery of its own, or the host of a virtual machine.
    """
    for file in (root / "sys/class/rtc").glob("*/hctosys"):
        if _text(file).strip() == "1":
            return True
    flags = (line for line in _text(root / "proc/cpuinfo").splitlines() if line.startswith("flags"))
    return "hypervisor" in next(flags, "").split()


def boot_id(file: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """The id of this start of the machine; empty where the kernel has none."""
    return _text(file).strip()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
