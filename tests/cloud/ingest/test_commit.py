"""The durable steps: in order, each until its database answers, and no acknowledgement before the last."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from cloud.backoff import Backoff
from cloud.errors import RegistryUnavailable
from cloud.ingest.commit import JUDGED_MS, Committer
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.reading import CommandResult
from cloud.ingest.router import RoutedBatch
from cloud.ingest.routing import Received, Routed, StoredBatch
from cloud.registry.port import DeadLetter
from cloud.store.port import Rejected, Scan, StoreUnavailable
from cloud.threads import in_thread
from telemetry.clock import SystemClock
from telemetry.commands import CommandStatus
from tests.cloud.ingest.wire import now_ms

BATCH = StoredBatch(("p060", "eg-1"), "3f9a62d1", 1)


class Script:
    """Store, records and judge in one, each call noted; `failures` says which steps fail how often."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.calls: list[str] = []
        self.letters: list[DeadLetter] = []
        self.judged: list[Scan] = []
        self.refuse: list[Scan] = []

    def _step(self, name: str, error: Exception) -> None:
        self.calls.append(name)
        if self.failures.get(name, 0) > 0:
            self.failures[name] -= 1
            raise error

    def write(self, scans: Sequence[Scan]) -> Sequence[Rejected]:
        self._step("write", StoreUnavailable("down"))
        return [Rejected(scan, "type conflict") for scan in scans if scan in self.refuse]

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        self._step("letters", RegistryUnavailable("down"))
        self.letters += letters
        return 0

    def command_result(self, command_id: str, status: CommandStatus, error: str, *, time_ms: int) -> None:
        self._step(f"result {command_id}", RegistryUnavailable("down"))

    def judge(self, scans: Sequence[Scan]) -> None:
        self._step("judge", RegistryUnavailable("down"))
        self.judged += scans


def scan(time_ms: int, value: float = 1.0) -> Scan:
    return Scan("streetlight", "p060", "eg-1", "sl-1", time_ms, {"power_active": value})


def message(
    *scans: Scan, letters: Sequence[DeadLetter] = (), results: Sequence[CommandResult] = ()
) -> Routed:
    received = Received("spBv1.0/p060/DDATA/eg-1/sl-1", b"payload", 7)
    return Routed(received, "DDATA", False, list(scans), list(results), list(letters), BATCH)


def commit(script: Script, *routed: Routed) -> tuple[list[StoredBatch], CollectorRegistry]:
    collector = CollectorRegistry()
    committer = Committer(script, script, script, IngestMetrics(collector), SystemClock())  # type: ignore[arg-type]
    batch = RoutedBatch()
    for each in routed:
        batch.add(each)

    async def both() -> None:
        await committer.finish(batch, await committer.write(batch))

    asyncio.run(both())
    return batch.stored, collector


LETTER = DeadLetter(0, 1, "t", "malformed", "", 1, b"x")


def test_the_steps_come_in_their_order() -> None:
    script = Script()
    result = CommandResult("c-1", CommandStatus.DONE, "", 1)
    stored, _ = commit(script, message(scan(now_ms()), letters=[LETTER], results=[result]))
    assert script.calls == ["write", "letters", "result c-1", "judge"]
    assert stored == [BATCH]


def test_a_step_that_fails_is_repeated_and_those_before_it_are_not() -> None:
    script = Script(write=2, letters=2, judge=1, **{"result c-1": 1})
    result = CommandResult("c-1", CommandStatus.DONE, "", 1)
    stored, collector = commit(script, message(scan(now_ms()), letters=[LETTER], results=[result]))
    assert script.calls == [
        *["write"] * 3,
        *["letters"] * 3,
        *["result c-1"] * 2,
        *["judge"] * 2,
    ]
    assert script.letters == [LETTER]
    assert stored == [BATCH]
    assert collector.get_sample_value("kega_ingest_retries_total", {"step": "store"}) == 2


def test_a_scan_that_the_store_refuses_is_a_dead_letter_before_its_batch_is_acknowledged() -> None:
    script = Script()
    good, bad = scan(now_ms()), scan(now_ms(), 2.0)
    script.refuse = [bad]
    stored, _ = commit(script, message(good), message(bad))
    (letter,) = script.letters
    assert (letter.reason, letter.detail, letter.payload) == (
        "rejected-by-store",
        "type conflict",
        b"payload",
    )
    assert stored == [BATCH, BATCH]


def test_only_what_tells_of_the_present_is_judged() -> None:
    script = Script()
    old, new = scan(now_ms() - JUDGED_MS - 1000), scan(now_ms())
    commit(script, message(old, new))
    assert script.judged == [new]


def test_a_batch_of_nothing_touches_no_database() -> None:
    script = Script()
    stored, _ = commit(script, message())
    assert script.calls == []
    assert stored == [BATCH]


def test_a_fault_of_the_program_is_not_taken_for_an_outage() -> None:
    def broken(_scans: Sequence[Scan]) -> Sequence[Rejected]:
        raise IndexError

    script = Script()
    script.write = broken  # type: ignore[method-assign]
    with pytest.raises(IndexError):
        commit(script, message(scan(now_ms())))


def test_a_cancelled_caller_waits_for_its_thread() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        ended.set()

    async def scenario() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(scenario())


def test_pauses_grow_to_their_bound_and_begin_again_after_a_success() -> None:
    backoff = Backoff(1.0, 30.0)
    pauses = [backoff.next_s() for _ in range(50)]
    for number, pause in enumerate(pauses):
        longest = min(2.0**number, 30.0)
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) > 40
    backoff.reset()
    assert backoff.next_s() <= 1.0
