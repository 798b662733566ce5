"""The HTTP server inside our own event loop: bound before it starts, and stopped by cancelling."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI

from cloud.errors import SettingsError
from cloud.settings import HttpSettings

STOP_S: Final = 5
"""Requests under way at the end have so long to finish."""


def bind(http: HttpSettings) -> socket.socket:
    """A listening socket at the address of the settings.

    Raises:
        SettingsError: the address is not ours, in use, or needs rights.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            http.host, http.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingsError(f"http.host: {http.host!r} is no address: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise SettingsError(_why(http, error)) from error
    return listener


def _why(http: HttpSettings, error: OSError) -> str:
    place = f"http: {http.host}:{http.port}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{place} is in use by another program: stop it, or set another http.port"
        case errno.EACCES:
            return f"{place} needs root: set a port above 1023, and let a proxy listen on the low one"
        case errno.EADDRNOTAVAIL:
            return f"{place} is no address of this machine: set http.host to one of `ip address`, or 0.0.0.0"
    return f"{place} cannot be listened on: {error.strerror}"


class _Server(uvicorn.Server):
    """Leaves signals to the process that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: FastAPI, listener: socket.socket, http: HttpSettings, stop: Callable[[], None]) -> None:
    """Serve `app` until cancelled; `stop` is called first at the end and must end what streams."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=bool(http.trusted_proxies),
        forwarded_allow_ips=list(http.trusted_proxies),
        timeout_graceful_shutdown=STOP_S,
        timeout_keep_alive=30,
    )
    server = _Server(config)
    serving = asyncio.create_task(_serve(server, listener), name="http")
    try:
        await asyncio.shield(serving)
        raise RuntimeError("the HTTP server ended by itself")
    except asyncio.CancelledError:
        stop()
        server.should_exit = True
        await asyncio.wait({serving}, timeout=2 * STOP_S)
        raise
    finally:
        serving.cancel()


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit as error:
        # uvicorn ends the process when an application cannot start; only our role may die.
        raise RuntimeError("the HTTP application did not start: see the error above") from error
