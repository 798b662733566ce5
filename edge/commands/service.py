"""Everything that writes to devices, joined: commands, what takes them back, lock-outs, programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from edge.commands.actuator import Actuator
from edge.commands.executor import CommandExecutor
from edge.commands.gate import Gate
from edge.commands.journal import JOURNAL_FILE, PROGRAM_SCOPE, CommandJournal
from edge.commands.ledger import Ledger
from edge.commands.locks import LOCKS_FILE, Locks
from edge.commands.moments import Moments, boot_id
from edge.commands.report import Reporter
from edge.commands.values import LastValues
from edge.ports import DevicePort
from edge.programs.plan import Plan
from edge.programs.runner import ProgramRunner
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
        plans: Sequence[Plan] = (),
        accept_plain: bool = False,
        boot: str | None = None,
    ) -> None:
        self.values = LastValues(clock.monotonic)
        self._journal = CommandJournal(state_dir / JOURNAL_FILE, clock)
        moments = Moments(clock, boot_id() if boot is None else boot, is_clock_known)
        actuator = Actuator(port, clock)
        gate = Gate(Locks(state_dir / LOCKS_FILE), self.values)
        ledger = Ledger(self._journal)
        reporter = Reporter(spool_result, clock)
        self._programs = ProgramRunner(
            plans,
            gateway.devices,
            actuator,
            gate=gate,
            ledger=ledger,
            reporter=reporter,
            announce=spool_result,
            moments=moments,
            values=self.values,
            is_up=is_up,
        )
        self._executor = CommandExecutor(
            gateway,
            actuator,
            gate=gate,
            ledger=ledger,
            reporter=reporter,
            moments=moments,
            is_up=is_up,
            programs=self._programs,
            accept_plain=accept_plain,
        )
        self._programs.attach(lambda device: self._executor.reverts.on(device, PROGRAM_SCOPE))

    def submit(self, arrived: DeviceCommand) -> None:
        """Take one metric of a DCMD."""
        self._executor.submit(arrived)

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._executor.run())
            group.create_task(self._run_programs())

    async def _run_programs(self) -> None:
        await self._executor.settled.wait()  # overrides of a former life are known then
        await self._programs.run()

    def close(self) -> None:
        """Release the files."""
        self._journal.close()
