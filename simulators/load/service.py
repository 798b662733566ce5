"""Runs a load in this process, or shares it among several."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from simulators.errors import SimError
from simulators.load.fleet import Fleet
from simulators.load.outcome import Outcome
from simulators.load.plan import LoadPlan
from telemetry.clock import SystemClock
from telemetry.devices.classes import DeviceClass
from telemetry.devices.library import Library
from telemetry.logs import configure_logging

FILES_BESIDE = 100
"""Files that a process has open besides its connections."""


def run_load(plan: LoadPlan, processes: int = 1, log_level: str = "info") -> Outcome:
    """Bear `plan` to its end; SIGINT and SIGTERM end the scanning early, and what is open is drained.

    Raises:
        SimError: the class is unknown, or the system allows too few open files.
    """
    parts = split(plan, processes)
    _check_files(max(len(part.groups) for part in parts))
    _class_named(plan.device_class)
    if len(parts) == 1:
        return _bear(parts[0])
    with ProcessPoolExecutor(
        len(parts),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=configure_logging,
        initargs=(log_level,),
    ) as pool:
        outcome = Outcome()
        for part in pool.map(_bear, parts):
            outcome.add(part)
        return outcome


def split(plan: LoadPlan, processes: int) -> list[LoadPlan]:
    """The parts of `plan` for so many processes: whole connections, in order."""
    groups = plan.groups
    processes = min(processes, len(groups))
    parts = []
    for number in range(processes):
        begin, end = len(groups) * number // processes, len(groups) * (number + 1) // processes
        first, behind = groups[begin].start, groups[end - 1].stop
        parts.append(
            replace(
                plan,
                first=first,
                gateways=behind - first,
                connections=end - begin if plan.is_shared else 0,
                connects_per_s=plan.connects_per_s / processes,
            )
        )
    return parts


def _bear(plan: LoadPlan) -> Outcome:
    return asyncio.run(_run(plan))


async def _run(plan: LoadPlan) -> Outcome:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return await Fleet(plan, _class_named(plan.device_class), SystemClock()).run(stop)


def _class_named(name: str) -> DeviceClass:
    classes = Library.shipped().classes
    if name not in classes:
        raise SimError(f"no device class {name!r}: use one of {', '.join(sorted(classes))}")
    return classes[name]


def _check_files(connections: int) -> None:
    import resource

    wanted = connections + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    elif hard < wanted:
        raise SimError(
            f"{connections} connections in one process need {wanted} open files, "
            f"and the system allows {hard}: raise it (ulimit -n), or use --processes or --connections"
        )
