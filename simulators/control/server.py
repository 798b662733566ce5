"""Answers at the control socket of a running simulator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from pathlib import Path
from typing import Any, Final

from simulators.control.protocol import (
    MAX_LINE,
    AskClear,
    AskFaults,
    AskSet,
    AskStatus,
    encode,
    parse_ask,
)
from simulators.errors import LineError, SimError
from simulators.faults import KINDS, Fault
from simulators.province import Province

_log = logging.getLogger("simulators.control")

MAX_SOCKET_PATH: Final = 107
"""Bytes that Linux allows for the path of a Unix socket."""


class ControlServer:
    """The control socket of one province."""

    def __init__(self, province: Province, path: Path) -> None:
        self._province = province
        self._path = path
        self._started_s = province.clock.monotonic()
        self._server: asyncio.Server | None = None

    def claim(self) -> None:
        """See that the socket can be had, before any line is touched.

        Raises:
            LineError: another simulator answers there, or no socket can have this path.
        """
        if len(str(self._path).encode()) > MAX_SOCKET_PATH:
            raise LineError(
                f"control socket {self._path}: the path is longer than {MAX_SOCKET_PATH} bytes. "
                "Set `control:` to a shorter one."
            )
        if _answers(self._path):
            raise LineError(f"another simulator runs already and holds {self._path}. Stop it first.")

    async def open(self) -> None:
        """Listen. Raises LineError where the socket cannot be placed."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_LINE)
            self._path.chmod(0o600)
        except OSError as failure:
            raise LineError(
                f"control socket {self._path}: {failure.strerror}. Check that its folder can be written."
            ) from failure

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while line := await self._line(reader):
                writer.write(encode(self._answer(line)))
                await writer.drain()

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readline()
        except ValueError:  # longer than the limit
            return b""

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": True, **self._do(line)}
        except SimError as refusal:
            return {"ok": False, "error": str(refusal)}

    def _do(self, line: bytes) -> dict[str, Any]:
        match parse_ask(line):
            case AskStatus():
                return self._status()
            case AskFaults():
                return {"kinds": _kinds(), "active": self._shown(self._active())}
            case AskSet(kind=kind, target=target, for_s=for_s, strength=strength):
                begun = self._province.set_fault(kind, target, for_s, strength)
                for fault in begun:
                    extra = {"device": fault.device, "kind": fault.kind.value, "strength": fault.strength}
                    _log.warning("fault-set", extra=extra)
                hints = list(dict.fromkeys(hint for fault in begun if (hint := self._province.hint(fault))))
                return {"begun": self._shown(begun), "hints": hints}
            case AskClear(kind=kind, target=target):
                ended = self._province.clear_faults(kind, target)
                for fault in ended:
                    _log.info("fault-cleared", extra={"device": fault.device, "kind": fault.kind.value})
                return {"ended": self._shown(ended)}

    def _status(self) -> dict[str, Any]:
        province = self._province
        return {
            "seed": province.settings.seed,
            "uptime_s": round(province.clock.monotonic() - self._started_s, 1),
            "devices": len(province.settings.devices),
            "memory_bytes": _memory_bytes(),
            "faults": self._shown(self._active()),
            "lines": [
                {
                    "id": line.id,
                    "address": line.address,
                    "requests": line.figures.requests,
                    "replies": line.figures.replies,
                    "spoilt": line.figures.spoilt,
                }
                for line in province.lines.values()
            ],
        }

    def _active(self) -> list[Fault]:
        return self._province.faults.active(self._province.clock.now_ms() / 1000)

    def _shown(self, faults: list[Fault]) -> list[dict[str, Any]]:
        now_s = self._province.clock.now_ms() / 1000
        return [
            {
                "kind": fault.kind.value,
                "device": fault.device,
                "strength": fault.strength,
                "since_ms": round(fault.since_s * 1000),
                "left_s": round(fault.until_s - now_s, 1) if fault.until_s < float("inf") else None,
            }
            for fault in faults
        ]


def _kinds() -> list[dict[str, Any]]:
    return [
        {
            "kind": kind.value,
            "text": facts.text,
            "classes": sorted(facts.classes) if facts.classes is not None else None,
            "strength": facts.strength or None,
            "default": facts.default if facts.strength else None,
            "limit": facts.limit if facts.strength else None,
        }
        for kind, facts in KINDS.items()
    ]


def _memory_bytes() -> int:
    """What this process holds in memory now; where the system does not tell, the most it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def _answers(path: Path) -> bool:
    """Whether somebody listens at the socket; a file left behind by a killed simulator does not."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
