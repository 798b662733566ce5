"""The one thread that touches the spool's file: groups commits, meets full disks and broken files.

* A group is committed at the latest `commit_every_s` after its first batch (see `edge.spool.pace`); only then
  is anybody told of its batches.
* Disk full or failing: one error in the log, then attempts with back-off until it works again. Meanwhile
  batches wait in memory up to the queue's bound; past that the oldest of the lowest priority is given up
  and counted. What was committed is never given up for that reason.
* File broken: set aside under another name, a fresh file with a new epoch, and what can be read of the old
  one is committed again in slices between the live groups.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

from edge.spool.batches import SpooledBatch
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolDamaged, SpoolError
from edge.spool.figures import SpoolLimits
from edge.spool.pace import CommitPace
from edge.spool.queue import Call, CommitQueue, Group
from edge.spool.reserve import RESERVE_BYTES, Reserve
from edge.spool.salvage import Salvage, set_aside
from edge.spool.schema import is_damage, is_full
from telemetry.clock import Clock

_LOG: Final = logging.getLogger("edge.spool")
_FIRST_RETRY_S: Final = 0.5
_LAST_RETRY_S: Final = 30.0
_TEND_EVERY_S: Final = 60.0
_STEADY_AFTER_S: Final = 3600.0
_CLOCK_STEP_MS: Final = 5000


class SpoolWriter:
    """Owner of the spool file. The callbacks are called in the writer's thread."""

    def __init__(
        self,
        file: Path,
        limits: SpoolLimits,
        clock: Clock,
        queue: CommitQueue,
        *,
        commit_every_s: float,
        on_commit: Callable[[list[SpooledBatch]], None],
        on_epoch: Callable[[str], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._file = file
        self._limits = limits
        self._clock = clock
        self._queue = queue
        self._pace = CommitPace(commit_every_s)
        self._on_commit = on_commit
        self._on_epoch = on_epoch
        self._on_trouble = on_trouble
        self._database: SpoolDatabase | None = None
        self._reserve = Reserve(file)
        self._retry_s = _FIRST_RETRY_S
        self._retry_at = 0.0
        self._trouble = ""
        self._salvage: Salvage | None = None
        self._clock_offset_ms: float | None = None
        self._steady_since = clock.monotonic()
        self._tend_at = 0.0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        """Begin work; the file is opened in the thread, and again and again while that fails."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 30) -> None:
        """Commit what waits, once, and end."""
        self._queue.close()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._queue.closed:
            self._queue.wait(self._has_work, self._patience())
            self._turn()
        self._retry_at = 0.0
        self._turn()
        while self._queue.has_writes and not self._trouble:
            self._guarded(self._commit_group)
        lost = self._queue.abandon()
        if lost:
            _LOG.error("spool-closed-with-loss", extra={"file": self._file, "batches": lost})
        self._close_database()

    def _turn(self) -> None:
        now = self._clock.monotonic()
        if self._database is None and now >= self._retry_at:
            self._guarded(self._open)
        for function, done in self._queue.take_calls():
            self._answer(function, done)
        self._pace.plan(now, self._queue.batches, others=self._queue.has_writes)
        if self._commit_is_due():
            self._pace.begin()
            self._guarded(self._commit_group)
        if self._database is not None and not self._trouble:
            self._guarded(self._keep_house)

    def _has_work(self) -> bool:
        return (
            (self._queue.has_writes and self._pace.due is None)
            or (self._queue.batches > 0 and not self._pace.awaits_batches)
            or self._commit_is_due()
            or (self._salvage is not None and not self._trouble)
        )

    def _commit_is_due(self) -> bool:
        now = self._clock.monotonic()
        if self._trouble:
            return now >= self._retry_at
        return self._pace.is_due(now, self._queue.batches)

    def _patience(self) -> float:
        due = self._tend_at
        if self._trouble or self._database is None:
            due = self._retry_at
        elif self._pace.due is not None:
            due = min(due, self._pace.due)
        return max(0.0, due - self._clock.monotonic())

    def _guarded(self, step: Callable[[], None]) -> None:
        """Run one step; a failure of disk or file changes the writer's state instead of ending it."""
        try:
            step()
        except SpoolDamaged as error:
            self._replace(str(error))
        except (sqlite3.Error, SpoolError, OSError) as error:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self._replace(str(error))
            else:
                self._fail(error)

    def _open(self) -> None:
        try:
            self._database = SpoolDatabase.open(self._file, self._limits)
        except SpoolDamaged:
            raise
        except SpoolError:
            if not self._reserve.release():
                raise
            self._database = SpoolDatabase.open(self._file, self._limits)
        self._on_epoch(self._database.epoch)

    def _answer(self, function: Call, done: Future[Any]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        if self._database is None:
            done.set_exception(SpoolError(f"{self._file} is not open: {self._trouble}"))
            return
        try:
            result = function(self._database)
        except sqlite3.Error as error:
            done.set_exception(SpoolError(f"{self._file}: {error}"))
            if is_damage(error):
                self._replace(str(error))
        else:
            done.set_result(result)

    def _commit_group(self) -> None:
        """Commit what waits; while in trouble even nothing, to see whether the disk writes again."""
        group = self._queue.take_group()
        if not group and not self._trouble:
            return
        try:
            committed = self._commit(group)
        except BaseException:
            self._queue.put_back(group)
            raise
        self._queue.committed(group)
        self._pace.committed(self._clock.monotonic())
        if self._trouble:
            _LOG.warning(
                "spool-writes-again", extra={"file": self._file, "dropped_readings": group.refused[1]}
            )
        self._trouble = ""
        self._retry_s = _FIRST_RETRY_S
        self._on_commit(committed)
        self._on_trouble("")
        for put, batch in zip(group.puts, committed, strict=True):
            put.finish(batch.number)

    def _commit(self, group: Group) -> list[SpooledBatch]:
        if self._database is None:
            raise SpoolError(self._trouble or f"{self._file} is not open")
        batches = [put.batch for put in group.puts]
        try:
            return self._database.commit(batches, group.acks, self._clock.now_ms(), refused=group.refused)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
        # Folding the log and deleting rows need room themselves: this is what the reserve is for.
        self._reserve.release()
        self._database.make_room(RESERVE_BYTES)
        self._reserve.hold()
        return self._database.commit(batches, group.acks, self._clock.now_ms(), refused=group.refused)

    def _keep_house(self) -> None:
        assert self._database is not None
        now = self._clock.monotonic()
        if self._salvage is not None:
            batches = self._salvage.next_slice()
            if batches:
                self._database.commit(batches, [], self._clock.now_ms())
                self._salvage.saved(batches)
            else:
                self._queue.count_refused(self._salvage.lost_readings)
                _LOG.warning(
                    "spool-salvage-ended",
                    extra={
                        "file": self._file,
                        "saved_readings": self._salvage.saved_readings,
                        "lost_readings": self._salvage.lost_readings,
                    },
                )
                self._salvage.close()
                self._salvage = None
        if now >= self._tend_at:
            self._tend_at = now + _TEND_EVERY_S
            self._reserve.hold()
            self._watch_clock(now)
            steady = now - self._steady_since >= _STEADY_AFTER_S
            self._database.tend(self._clock.now_ms(), clock_is_steady=steady)

    def _watch_clock(self, now: float) -> None:
        offset = self._clock.now_ms() - now * 1000
        if self._clock_offset_ms is not None and abs(offset - self._clock_offset_ms) > _CLOCK_STEP_MS:
            self._steady_since = now
        self._clock_offset_ms = offset

    def _fail(self, error: Exception) -> None:
        if not self._trouble:
            _LOG.error(
                "spool-cannot-write",
                extra={
                    "file": self._file,
                    "cause": error,
                    "policy": "batches wait in memory; when that is full the oldest are dropped and counted",
                    "next_step": "make room on the disk; writing goes on by itself",
                },
            )
        self._trouble = str(error) or type(error).__name__
        self._retry_at = self._clock.monotonic() + self._retry_s * random.uniform(0.75, 1.25)  # noqa: S311
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
        # After a failed write or fsync the connection's own pages are not to be trusted: begin from the disk.
        if not (isinstance(error, sqlite3.Error) and is_full(error)):
            self._close_database()
        self._on_trouble(self._trouble)

    def _replace(self, cause: str) -> None:
        self._close_database()
        try:
            aside = set_aside(self._file, self._clock.now_ms())
            self._open()
        except (sqlite3.Error, SpoolError, OSError) as error:
            self._fail(error)
            return
        if self._salvage is not None:
            self._salvage.close()
        self._salvage = Salvage(aside)
        self._queue.count_refused(self._salvage.dropped_before)
        _LOG.error(
            "spool-damaged",
            extra={
                "file": self._file,
                "cause": cause,
                "set_aside": aside.name,
                "next_step": "check the storage; what is readable is being saved",
            },
        )

    def _close_database(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None
