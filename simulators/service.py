"""Serves a province until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from simulators.control.place import announce, withdraw
from simulators.control.server import ControlServer
from simulators.province import Province

_log = logging.getLogger("simulators.service")


class Service:
    """All lines of a province and its control socket, opened and closed together."""

    def __init__(self, province: Province, control: Path) -> None:
        self.province = province
        self._control_path = control
        self._control = ControlServer(province, control)

    async def open(self) -> None:
        """Open every line, then the control socket: who finds the socket finds all lines open.

        Raises:
            LineError: a line or the socket cannot be served; what was open is closed again.
        """
        self._control.claim()
        try:
            for line in self.province.lines.values():
                await line.open()
            await self._control.open()
        except BaseException:
            await self.close()
            raise
        _log.info(
            "simulator-ready",
            extra={
                "devices": len(self.province.settings.devices),
                "lines": len(self.province.lines),
                "control": str(self._control_path),
            },
        )

    async def close(self) -> None:
        """Close everything."""
        await self._control.close()
        for line in self.province.lines.values():
            await line.close()


async def run(province: Province, control: Path) -> None:
    """Serve until SIGTERM or SIGINT. Raises LineError."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    service = Service(province, control)
    await service.open()
    announce(control)
    try:
        await stopped.wait()
    finally:
        withdraw(control)
        await service.close()
        _log.info("simulator-stopped")
