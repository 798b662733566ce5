"""The agent's figures for the technician beside it: a Unix socket in the state folder, JSON in one piece.

Nothing is written to the disk for it, and it works without any network.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from edge.errors import EdgeError

_LOG: Final = logging.getLogger("edge.supervision")
STATUS_SOCKET: Final = "status.sock"
_LONGEST_BYTES: Final = 4_000_000
_TIMEOUT_S: Final = 5.0


class AgentAway(EdgeError):  # noqa: N818, named for what happened
    """No agent answers in this state folder."""

    unreachable = True


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's address by a way that never exceeds the 108 bytes that the kernel allows."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{STATUS_SOCKET}"
    finally:
        os.close(handle)


async def serve_status(folder: Path, tell: Callable[[], dict[str, Any]]) -> None:
    """Answer everybody who connects with what `tell` says, until cancelled. Only our own user may ask."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(json.dumps(tell(), ensure_ascii=False).encode())
            async with asyncio.timeout(_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            _LOG.info("status-not-told", extra={"cause": error})
        finally:
            writer.close()

    file = folder / STATUS_SOCKET
    try:
        file.unlink(missing_ok=True)
        with _short(folder) as address:
            server = await asyncio.start_unix_server(answer, address)
        file.chmod(0o660)
    except OSError as error:
        _LOG.warning("status-not-served", extra={"file": file, "cause": error})
        return
    try:
        async with server:
            await server.serve_forever()
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def ask_status(folder: Path) -> dict[str, Any]:
    """What the agent of state folder `folder` says of itself.

    Raises:
        AgentAway: none answers.
    """
    parts: list[bytes] = []
    try:
        with _short(folder) as address, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_TIMEOUT_S)
            client.connect(address)
            while sum(len(part) for part in parts) < _LONGEST_BYTES and (part := client.recv(65_536)):
                parts.append(part)
        told: dict[str, Any] = json.loads(b"".join(parts))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise AgentAway(
            f"no agent answers in {folder}: {cause}. Is it running (systemctl status kega-edge)?"
        ) from error
    return told
