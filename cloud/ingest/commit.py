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
from cloud.ingest.router import RoutedBatch
from cloud.ingest.routing import Received, dead_letter
from cloud.registry.port import DeadLetter
from cloud.store.port import Rejected, Row, Scan, Store, StoreUnavailable
from cloud.threads import in_thread
from telemetry.clock import Clock
from telemetry.commands import CommandStatus

JUDGED_MS: Final = 5 * 60_000
"""A reading older than this tells nothing of the present: the fast lane does not judge it."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class Records(Protocol):
    """The calls of the registry that a commit needs."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int: ...
    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None: ...


class ScanJudge(Protocol):
    """Judges readings as they are stored (the fast lane of alarms). Blocking."""

    def judge(self, scans: Sequence[Scan | Row]) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What came of the write of a batch."""

    letters: Sequence[DeadLetter] = ()
    """Of what the store will never take."""
    seconds: float = 0.0
    """Of the write that succeeded."""


@dataclass(frozen=True, slots=True)
class Committer:
    """Makes routed messages durable. Only what `finish` has passed may be acknowledged."""

    store: Store
    records: Records
    judge: ScanJudge
    metrics: IngestMetrics
    clock: Clock

    async def write(self, batch: RoutedBatch) -> Written:
        """Store the batch's items; returns when they are durable, however long that takes.

        Several batches may be written at the same time: while a database does not answer, all of them wait
        and nothing is acknowledged; a slow database slows the gateways and fills no memory.
        """
        items = batch.items
        if not items:
            return Written()
        seconds = 0.0

        def attempt() -> Sequence[Rejected]:
            nonlocal seconds
            begun = time.perf_counter()
            rejected = self.store.write(items)
            seconds = time.perf_counter() - begun
            return rejected

        rejected = await self._until_done("store", attempt)
        self.metrics.write_seconds.observe(seconds)
        self._count(batch)
        return Written(self._letters(batch, rejected), seconds)

    async def finish(self, batch: RoutedBatch, written: Written) -> None:
        """The steps behind the write, one batch after the other: dead letters, commands' results, alarms."""
        letters = [*batch.letters, *written.letters]
        if letters:
            gone = await self._until_done("dead-letters", lambda: self.records.add_dead_letters(letters))
            if gone:
                _log.warning("dead-letters-full", extra={"oldest_thrown_away": gone})
            for letter in letters:
                self.metrics.dead_letters.labels(letter.reason).inc()
        for result in batch.results:
            await self._until_done("command-result", lambda result=result: self._report(result))  # type: ignore[misc]
        oldest = self.clock.now_ms() - JUDGED_MS
        live = [item for item in batch.items if item.time_ms >= oldest]
        if live:
            await self._until_done("judge", lambda: self.judge.judge(live))

    def _letters(self, batch: RoutedBatch, rejected: Sequence[Rejected]) -> list[DeadLetter]:
        if not rejected:
            return []
        reasons = {id(each.scan): each.reason for each in rejected}
        by_message: dict[int, tuple[Received, list[str]]] = {}
        for item, owner in zip(batch.items, batch.owners, strict=True):
            if id(item) in reasons:
                by_message.setdefault(id(owner), (owner, []))[1].append(reasons[id(item)])
        now_ms = self.clock.now_ms()
        return [
            dead_letter(owner, Reason.REJECTED, "; ".join(why), now_ms) for owner, why in by_message.values()
        ]

    def _count(self, batch: RoutedBatch) -> None:
        self.metrics.values.inc(batch.values)
        self.metrics.bad_values.inc(batch.bad_values)
        delay_ms = self.clock.now_ms() - max(item.time_ms for item in batch.items)
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
