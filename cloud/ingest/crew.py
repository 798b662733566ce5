"""Several ingest workers as processes of their own, kept alive by one that does nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from cloud.backoff import Backoff
from cloud.keep import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S

END_S: Final = 20.0
"""Workers have so long to end; past it they are killed (nothing is lost by that)."""

_log = logging.getLogger(__name__)


async def run_crew(command: Sequence[str], workers: int, metrics_port: int | None = None) -> None:
    """Run `workers` processes of `command` until SIGTERM or SIGINT; one that ends is started again.

    Between the starts of one worker the pause grows from 1 to 30 s, with jitter. `command` is the worker's
    arguments for Python; its standard input closes when this process is gone, and it must end then. Worker
    number n answers Prometheus at `metrics_port` + n - 1.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with asyncio.TaskGroup() as tasks:
        for number in range(1, workers + 1):
            port = [] if metrics_port is None else ["--metrics-port", str(metrics_port + number - 1)]
            tasks.create_task(_keep(number, [*command, *port], stop))


async def _keep(number: int, command: Sequence[str], stop: asyncio.Event) -> None:
    pauses = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        began = loop.time()
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.PIPE
        )
        _log.info("worker-started", extra={"worker": number, "pid": process.pid})
        ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            await _end(number, process)
            return
        if loop.time() - began > STEADY_S:
            pauses.reset()
        pause = pauses.next_s()
        _log.error(
            "worker-died",
            extra={"worker": number, "exit_code": process.returncode, "again_in_s": round(pause, 1)},
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


async def _end(number: int, process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        _log.warning("worker-does-not-end", extra={"worker": number})
        process.kill()
        await process.wait()


async def end_with_parent() -> None:
    """In a worker of a crew: end this process in order once the crew's is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    _log.warning("crew-is-gone")
    os.kill(os.getpid(), signal.SIGTERM)
