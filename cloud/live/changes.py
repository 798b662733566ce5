"""What changed in the registry since the last look: alarms, commands and gateways."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cloud.live.events import Event
from cloud.registry.port import AlarmRecord, CommandRecord, GatewayRecord, Registry

logger = logging.getLogger(__name__)

OVERLAP_MS: Final = 5_000
"""Each look begins so much before the newest change seen: clocks differ, transactions overtake."""
_MOST_ALARMS: Final = 5_000
_RECENT_COMMANDS: Final = 200


class Changes:
    """Asks the registry and keeps what it answered. Blocking: call `poll` from a worker thread."""

    def __init__(self, registry: Registry, now_ms: int) -> None:
        self._registry = registry
        self._alarms_from_ms = now_ms
        self._alarms: dict[int, AlarmRecord] = {}
        self._shelved: dict[int, AlarmRecord] = {}
        self._commands: dict[str, CommandRecord] | None = None
        self._gateways: dict[str, GatewayRecord] | None = None

    def poll(self, now_ms: int) -> list[Event]:
        """Everything that is another than at the last call. Raises RegistryUnavailable."""
        return [*self._poll_alarms(now_ms), *self._poll_commands(), *self._poll_gateways()]

    def _poll_alarms(self, now_ms: int) -> Iterable[Event]:
        since = self._alarms_from_ms - OVERLAP_MS
        found = self._registry.alarms(changed_after_ms=since, limit=_MOST_ALARMS)
        if len(found) == _MOST_ALARMS:
            logger.warning("too-many-alarm-changes", extra={"limit": _MOST_ALARMS})
        news = [alarm for alarm in reversed(found) if self._alarms.get(alarm.id) != alarm]
        self._alarms = {alarm.id: alarm for alarm in found}
        self._alarms_from_ms = max((alarm.updated_ms for alarm in found), default=self._alarms_from_ms)
        for alarm in news:
            self._shelved.pop(alarm.id, None)
            if alarm.shelved_until_ms is not None and alarm.shelved_until_ms > now_ms:
                self._shelved[alarm.id] = alarm
        return [*news, *self._back_from_shelf(now_ms)]

    def _back_from_shelf(self, now_ms: int) -> list[AlarmRecord]:
        """Alarms whose time on the shelf ended by itself, which writes nothing into the registry."""
        back = [alarm for alarm in self._shelved.values() if (alarm.shelved_until_ms or 0) <= now_ms]
        for alarm in back:
            del self._shelved[alarm.id]
        return back

    def _poll_commands(self) -> Iterable[Event]:
        before = self._commands
        found = {each.id: each for each in self._registry.commands(limit=_RECENT_COMMANDS)}
        found |= {each.id: each for each in self._registry.open_commands()}
        for command_id in [] if before is None else before.keys() - found.keys():
            # Open at the last look, final by now, and too old to be among the recent ones.
            ended = self._registry.command(command_id)
            if ended is not None and before is not None and ended != before[command_id]:
                yield ended
        self._commands = found
        if before is not None:
            yield from (each for each in sorted(found.values(), key=_age) if before.get(each.id) != each)

    def _poll_gateways(self) -> Iterable[Event]:
        before = self._gateways
        self._gateways = {each.id: each for each in self._registry.gateways()}
        if before is not None:
            yield from (
                each
                for each in self._gateways.values()
                if each.id not in before or _lasting(each) != _lasting(before[each.id])
            )


def _lasting(gateway: GatewayRecord) -> GatewayRecord:
    """The gateway without what changes with each of its messages."""
    return replace(gateway, last_seen_ms=None)


def _age(command: CommandRecord) -> tuple[int, str]:
    return command.asked_ms, command.id
