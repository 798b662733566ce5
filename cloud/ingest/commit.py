"""The durable steps of a batch, in their order, each repeated until its database answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from cloud.backoff import Backoff
from cloud.errors import RegistryUnavailable
from cloud.ingest.faults import Reason
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.reading import CommandResult
from cloud.ingest.routing import Routed, StoredBatch, dead_letter
from cloud.registry.port import DeadLetter
from cloud.store.port import Scan, Store, StoreUnavailable
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.commands import CommandStatus

JUDGED_MS: Final = 5 * 60_000
"""A reading older than this tells nothing of the present: the fast lane does not judge it."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class Records(Protocol):
    """The calls of the registry that a commit needs."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None: ...
    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None: ...


class ScanJudge(Protocol):
    """Judges readings as they are stored (the fast lane of alarms). Blocking."""

    def judge(self, scans: Sequence[Scan]) -> None: ...


@dataclass(frozen=True, slots=True)
class Committer:
    """Makes routed messages durable. Only what it returns may be acknowledged."""

    store: Store
    records: Records
    judge: ScanJudge
    metrics: IngestMetrics
    clock: Clock

    async def commit(self, routed: Sequence[Routed]) -> list[StoredBatch]:
        """Store scans, then dead letters, then commands' results, then judge; returns what to acknowledge.

        While a database does not answer, its step is repeated and nothing is acknowledged; nothing else of
        the worker moves on past one more batch, so a slow database slows the gateways and fills no memory.
        """
        letters = [letter for each in routed for letter in each.letters]
        letters += await self._write(routed)
        if letters:
            await self._until_done("dead-letters", lambda: self.records.add_dead_letters(letters))
            for letter in letters:
                self.metrics.dead_letters.labels(letter.reason).inc()
        for each in routed:
            for result in each.results:
                await self._until_done("command-result", lambda result=result: self._report(result))  # type: ignore[misc]
        oldest = self.clock.now_ms() - JUDGED_MS
        live = [scan for each in routed for scan in each.scans if scan.time_ms >= oldest]
        if live:
            await self._until_done("judge", lambda: self.judge.judge(live))
        return [each.batch for each in routed if each.batch is not None]

    async def _write(self, routed: Sequence[Routed]) -> list[DeadLetter]:
        scans = [scan for each in routed for scan in each.scans]
        if not scans:
            return []
        begun = time.perf_counter()
        rejected = await self._until_done("store", lambda: self.store.write(scans))
        self.metrics.write_seconds.observe(time.perf_counter() - begun)
        self._count(routed, scans)
        if not rejected:
            return []
        reasons = {id(each.scan): each.reason for each in rejected}
        now_ms = self.clock.now_ms()
        return [
            dead_letter(each.received, Reason.REJECTED, "; ".join(why), now_ms)
            for each in routed
            if (why := [reasons[id(scan)] for scan in each.scans if id(scan) in reasons])
        ]

    def _count(self, routed: Sequence[Routed], scans: Sequence[Scan]) -> None:
        self.metrics.values.inc(sum(len(scan.fields) for scan in scans))
        self.metrics.bad_values.inc(sum(each.bad_values for each in routed))
        delay_ms = self.clock.now_ms() - max(scan.time_ms for scan in scans)
        if delay_ms < JUDGED_MS:
            self.metrics.delay_seconds.observe(max(0, delay_ms) / 1000)

    def _report(self, result: CommandResult) -> None:
        self.records.command_result(result.command_id, result.status, result.error, time_ms=result.time_ms)

    async def _until_done(self, step: str, call: Callable[[], _Result]) -> _Result:
        backoff = Backoff(0.2, 10.0)
        while True:
            try:
                return await in_thread(call)
            except (StoreUnavailable, RegistryUnavailable) as error:
                pause = backoff.next_s()
                self.metrics.retries.labels(step).inc()
                _log.warning(
                    "database-does-not-answer",
                    extra={"step": step, "retry_s": round(pause, 2), "cause": str(error)},
                )
                await asyncio.sleep(pause)
