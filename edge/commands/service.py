"""Everything that writes to devices, joined: commands, what takes them back, lock-outs, programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path

from edge.commands.actuator import Actuator
from edge.commands.autonomy import Autonomy, NoPrograms
from edge.commands.executor import CommandExecutor
from edge.commands.gate import Gate
from edge.commands.journal import JOURNAL_FILE, CommandJournal
from edge.commands.ledger import Ledger
from edge.commands.locks import LOCKS_FILE, Locks
from edge.commands.moments import Moments, boot_id
from edge.commands.report import Reporter
from edge.commands.values import LastValues
from edge.ports import DevicePort
from edge.uplink.definitions import GatewayDefinition
from edge.uplink.inbound import DeviceCommand
from telemetry.clock import Clock
from telemetry.readings import Batch

SpoolResult = Callable[[Batch], Awaitable["Future[int | None]"]]


class Commands:
    """Made before the devices can be reached; `run` lives as long as the agent."""

    def __init__(
        self,
        gateway: GatewayDefinition,
        port: DevicePort,
        state_dir: Path,
        spool_result: SpoolResult,
        clock: Clock,
        *,
        is_up: Callable[[str], bool],
        is_clock_known: Callable[[], bool],
        accept_plain: bool = False,
        boot: str | None = None,
    ) -> None:
        self.values = LastValues(clock.monotonic)
        self._journal = CommandJournal(state_dir / JOURNAL_FILE, clock)
        moments = Moments(clock, boot_id() if boot is None else boot, is_clock_known)
        programs: Autonomy = NoPrograms()
        self._executor = CommandExecutor(
            gateway,
            Actuator(port, clock),
            gate=Gate(Locks(state_dir / LOCKS_FILE), self.values),
            ledger=Ledger(self._journal),
            reporter=Reporter(spool_result, clock),
            moments=moments,
            is_up=is_up,
            programs=programs,
            accept_plain=accept_plain,
        )

    def submit(self, arrived: DeviceCommand) -> None:
        """Take one metric of a DCMD."""
        self._executor.submit(arrived)

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._executor.run())

    def close(self) -> None:
        """Release the files."""
        self._journal.close()
