"""Sends open commands until their results arrive. Results come back through ingest."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Final, Protocol

from cloud.backoff import Backoff
from cloud.control.repeats import Repeats
from cloud.errors import RegistryUnavailable
from cloud.registry.port import CommandRecord
from telemetry.clock import Clock
from telemetry.commands import Command, CommandStatus, command_metric
from telemetry.errors import CodecError, LinkError
from telemetry.readings import ValueType
from telemetry.sparkplug.payload import DATATYPE_OF, Payload, encode
from telemetry.sparkplug.topics import Topic, Verb

POLL_S: Final = 0.1
EXPIRE_EVERY_S: Final = 1.0
GRACE_MS: Final = 10_000
"""A result may come this long after the expiry: the gateway starts in time, reads back and reports."""

_log = logging.getLogger(__name__)


class CommandBook(Protocol):
    """The calls of the registry that the dispatcher needs."""

    def open_commands(self) -> list[CommandRecord]: ...
    def command_sent(self, command_id: str, *, time_ms: int) -> None: ...
    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None: ...
    def expire_commands(self, *, now_ms: int, grace_ms: int) -> list[str]: ...


class Outlet(Protocol):
    """The way to the gateways."""

    def may_reach(self, gateway: str) -> bool:
        """False while there is no connection, or the gateway is known to be offline."""
        ...

    def send(self, topic: Topic, payload: bytes, expires_in_s: int | None = None) -> None:
        """Publish a command, QoS 0, not retained; brokers may forget it after `expires_in_s`.

        Raises LinkError.
        """
        ...


class Dispatcher:
    """Looks for open commands every `POLL_S`, from whichever process they come."""

    def __init__(
        self, registry: CommandBook, outlet: Outlet, clock: Clock, *, grace_ms: int = GRACE_MS
    ) -> None:
        self._registry = registry
        self._outlet = outlet
        self._clock = clock
        self._grace_ms = grace_ms
        self._repeats = Repeats()
        self._expire_at = float("-inf")

    def device_born(self, device: str) -> None:
        """A device has come (back): what waits for it goes out with the next look."""
        self._repeats.device_born(device)

    async def run(self) -> None:
        """Dispatch until cancelled. A registry that is away is asked again and again."""
        backoff = Backoff(0.2, 5.0)
        while True:
            try:
                await self.look()
            except RegistryUnavailable as error:
                pause = backoff.next_s()
                _log.warning(
                    "commands-wait-for-registry", extra={"retry_s": round(pause, 2), "cause": str(error)}
                )
                await asyncio.sleep(pause)
            else:
                backoff.reset()
                await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """One look at the open commands: send what is due, end what has expired.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        commands = await asyncio.to_thread(self._registry.open_commands)
        due = self._repeats.due(
            commands,
            now_ms=self._clock.now_ms(),
            now_s=self._clock.monotonic(),
            is_reachable=lambda command: self._outlet.may_reach(command.gateway),
        )
        for command in due:
            await self._send(command)
        if commands and self._clock.monotonic() >= self._expire_at:
            self._expire_at = self._clock.monotonic() + EXPIRE_EVERY_S
            now_ms = self._clock.now_ms()
            for command_id in await asyncio.to_thread(
                self._registry.expire_commands, now_ms=now_ms, grace_ms=self._grace_ms
            ):
                _log.warning("command-expired", extra={"command": command_id})

    async def _send(self, command: CommandRecord) -> None:
        now_ms = self._clock.now_ms()
        about = {"command": command.id, "gateway": command.gateway, "device": command.device}
        try:
            self._outlet.send(
                Topic(command.area, Verb.DCMD, command.gateway, command.device),
                dcmd(command, now_ms),
                max(1, math.ceil((command.expires_ms - now_ms) / 1000)),
            )
        except LinkError as error:
            _log.warning("command-not-sent", extra={**about, "cause": str(error)})
            return
        except CodecError as error:
            _log.error("command-not-sendable", extra={**about, "cause": str(error)})
            await asyncio.to_thread(
                self._registry.command_result, command.id, CommandStatus.FAILED, str(error), time_ms=now_ms
            )
            return
        self._repeats.sent(command.id, now_s=self._clock.monotonic())
        _log.info("command-sent", extra={**about, "metric": command.metric, "attempt": command.attempts + 1})
        await asyncio.to_thread(self._registry.command_sent, command.id, time_ms=now_ms)


def dcmd(command: CommandRecord, now_ms: int) -> bytes:
    """The bytes of the DCMD for `command`: a payload time, no `seq`, and the command's own properties.

    Raises:
        CodecError: the value is none of its type.
    """
    order = Command(
        device=command.device,
        metric=command.metric,
        value=command.value,
        id=command.id,
        expires_ms=command.expires_ms,
        issuer=command.issuer,
        revert_after_s=command.revert_after_s,
    )
    datatype = DATATYPE_OF[ValueType(command.type)]
    return encode(Payload(time_ms=now_ms, metrics=(command_metric(order, datatype, now_ms),)))
