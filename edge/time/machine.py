"""The time of the machine that the agent runs on."""

from __future__ import annotations

from pathlib import Path

from edge.time.keeper import TimeKeeper
from edge.time.kernel import boot_id, keeps_time_when_off, read_kernel
from edge.time.memory import TIME_FILE
from telemetry.clock import SystemClock


def keep_time(state_dir: Path, *, trust_machine: bool | None) -> TimeKeeper:
    """A keeper on the machine's own clocks, that remembers in `state_dir`.

    `trust_machine`: whether the machine's clock is right from its start on; found out where it is None.
    """
    trusted = keeps_time_when_off() if trust_machine is None else trust_machine
    return TimeKeeper(
        SystemClock(), read_kernel, state_dir / TIME_FILE, boot=boot_id(), trust_machine=trusted
    )
