"""1000 commands under random kill -9 of agents and broker: what acted twice, late, or has no single end."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.report import Figure, write
from tests.system.commands import Verdict, run_trial

COMMAND = "make bench-commands"
COUNT = int(os.environ.get("COMMANDS", "1000"))
RATE = 10.0
KILL_EVERY_S = 1.5


def main() -> int:
    """Run the trial, report, and end with 1 where anything happened that must not."""
    with tempfile.TemporaryDirectory(prefix="kega-") as folder:
        verdict = run_trial(
            Path(folder), COUNT, rate=RATE, kill_every_s=KILL_EVERY_S, within_s=COUNT / RATE * 3 + 180, seed=3
        )
    faults = {
        "that acted twice": verdict.acted_twice,
        "that acted after their expiry": verdict.acted_late,
        "with several reported states": verdict.several_states,
        "without a reported state": verdict.without_state,
        "done without acting": verdict.done_without_acting,
    }
    write("commands", _figures(verdict, {name: len(ids) for name, ids in faults.items()}))
    print(f"states: {verdict.states}; orders at the devices: {verdict.acted}")
    for name, ids in faults.items():
        if ids:
            print(f"{name}: {', '.join(ids[:20])}", file=sys.stderr)
    return 1 if any(faults.values()) else 0


def _figures(verdict: Verdict, faults: dict[str, int]) -> list[Figure]:
    share = 1 / verdict.orders
    figures = [
        Figure(f"commands {name}", count, "commands", f"{verdict.orders} commands", count * share, COMMAND)
        for name, count in faults.items()
    ]
    ended = verdict.orders - faults["without a reported state"] - faults["with several reported states"]
    figures += [
        Figure(
            *("commands that ended in exactly one state", ended, "commands"),
            *(f"{verdict.orders} commands", ended * share, COMMAND),
        ),
        Figure(
            "kill -9", verdict.kills, "kills", f"{verdict.orders} commands", verdict.kills * share, COMMAND
        ),
    ]
    figures += [
        Figure(
            *(f"commands {name.lower()}", count, "commands"),
            *(f"{verdict.orders} commands", count * share, COMMAND),
        )
        for name, count in sorted(verdict.states.items())
    ]
    if len(verdict.seconds_to_done) > 1:
        middle = statistics.median(verdict.seconds_to_done)
        figures.append(
            Figure("time to done, median", 1000 * middle, "ms", "1 s", middle, COMMAND),
        )
    return figures


if __name__ == "__main__":
    sys.exit(main())
