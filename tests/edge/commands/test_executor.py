"""A command's life: accepted, carried out once, read back, reported; and every way in which it may end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.executor import WAITING
from edge.commands.journal import JOURNAL_FILE
from telemetry.commands import CommandStatus
from telemetry.sparkplug.payload import DataType
from tests.edge.commands.rig import DEVICE, FLOW, OPENING, PROGRAM, VALVE, FakeDevice, order, plain, rig_on

pytestmark = pytest.mark.anyio

ACCEPTED, DONE, REJECTED, FAILED, EXPIRED = CommandStatus


async def test_done_only_after_the_device_shows_it(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(travel_s=0.3), settle_s=3) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [ACCEPTED, DONE]
        assert rig.told[-1].values == {VALVE.metric: 1}
        assert len({reading.time_ms for reading in rig.batches[-1].readings}) == 1
        assert rig.device.writes == [(VALVE.metric, 1)]


async def test_same_id_acts_once_and_tells_its_result_again(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        for _ in range(3):
            rig.commands.submit(order())
        await rig.until(2)
        rig.commands.submit(order())
        await rig.until(3)
        assert rig.statuses()[-2:] == [DONE, DONE]
        assert len(rig.device.writes) == 1
    async with rig_on(tmp_path) as later:
        later.commands.submit(order())
        await later.until(1)
        assert later.statuses() == [DONE]
        assert later.device.writes == []


async def test_an_id_used_for_something_else_is_not_obeyed(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        rig.commands.submit(order(OPENING.metric, 50.0))
        rig.commands.submit(order(OPENING.metric, 50.0, command_id="c-2"))
        await rig.until(4)
        assert rig.device.writes == [(VALVE.metric, 1), (OPENING.metric, 50.0)]
        assert rig.statuses("c-1") == [ACCEPTED, DONE]


@pytest.mark.parametrize(
    ("arrived", "status", "cause"),
    [
        (order("No/Such", 1), REJECTED, "no point"),
        (order(FLOW.metric, 1.0), REJECTED, "cannot be written"),
        (order(VALVE.metric, 7), REJECTED, "none of 0 closed, 1 open"),
        (order(VALVE.metric, True, datatype=DataType.BOOLEAN), REJECTED, "is no int32"),
        (order(OPENING.metric, 101.0), REJECTED, "outside 0 … 100"),
        (order(OPENING.metric, float("nan")), REJECTED, ""),
        (order(OPENING.metric, None), REJECTED, "needs a value"),
        (order(PROGRAM.metric, "x" * 2000), REJECTED, "at most 1000"),
        (order(life_s=-1), EXPIRED, "expired "),
        (order(life_s=90_000), REJECTED, "more than a day"),
    ],
    ids=lambda each: getattr(each, "name", None),
)
async def test_what_must_not_be_written_is_not(
    tmp_path: Path, arrived: object, status: CommandStatus, cause: str
) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(arrived)  # type: ignore[arg-type]
        await rig.until(1)
        assert rig.statuses() == [status]
        assert cause in rig.told[0].error
        assert rig.device.writes == []


async def test_stuck_valve_fails_and_says_what_it_shows(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(stuck=True), settle_s=0.3) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [ACCEPTED, FAILED]
        assert "read back 0 instead of 1" in rig.told[-1].error
        assert rig.told[-1].values == {VALVE.metric: 0}


async def test_silent_device_fails_with_the_bus_error(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(silent=True), settle_s=0.3) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [ACCEPTED, FAILED]
        assert "does not answer" in rig.told[-1].error


async def test_lost_answer_of_a_write_that_worked_is_done(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(swallows_answers=True)) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [ACCEPTED, DONE]


async def test_device_that_is_down_is_told_at_once(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.up.clear()
        rig.commands.submit(order())
        await rig.until(1)
        assert rig.statuses() == [FAILED]
        assert rig.device.writes == []


async def test_one_at_a_time_and_a_bounded_queue(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(travel_s=0.05), settle_s=2) as rig:
        count = WAITING + 4
        for number in range(count):
            rig.commands.submit(order(OPENING.metric, float(number), command_id=f"c-{number}"))
        async with asyncio.timeout(15):
            while not all(set(rig.statuses(f"c-{number}")) - {ACCEPTED} for number in range(count)):
                await asyncio.sleep(0.02)
        rejected = [n for n in range(count) if rig.statuses(f"c-{n}") == [REJECTED]]
        done = [n for n in range(count) if DONE in rig.statuses(f"c-{n}")]
        assert rig.device.most_busy == 1
        assert len(rejected) >= 1
        assert sorted(rejected + done) == list(range(count))


async def test_expired_while_it_waited_is_not_written(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(travel_s=0.6), settle_s=2) as rig:
        rig.commands.submit(order(command_id="c-1"))
        rig.commands.submit(order(OPENING.metric, 10.0, command_id="c-2", life_s=0.2))
        await rig.until(4)
        assert rig.statuses("c-2") == [ACCEPTED, EXPIRED]
        assert rig.device.writes == [(VALVE.metric, 1)]


async def test_plain_commands_only_where_they_are_allowed(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(plain(OPENING.metric, 40))
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.device.writes == [(VALVE.metric, 1)]
    other = tmp_path / "other"
    other.mkdir()
    async with rig_on(other, accept_plain=True) as rig:
        rig.commands.submit(plain(OPENING.metric, 40))
        await rig.until(2)
        assert [told.status for told in rig.told] == [ACCEPTED, DONE]
        assert rig.device.writes == [(OPENING.metric, 40.0)]


async def test_other_devices_and_endless_ids_are_ignored(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(device="wm-999999"))
        rig.commands.submit(order(command_id="x" * 5000))
        rig.commands.submit(order())
        await rig.until(2)
        assert {told.command_id for told in rig.told} == {"c-1"}


async def test_a_broken_journal_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_bytes(b"no database" * 999)
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [ACCEPTED, DONE]
    assert list(tmp_path.glob("commands.db.damaged-*"))


_VICTIM = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.edge.commands.rig import FakeDevice, order, rig_on

class Deadly(FakeDevice):
    async def write(self, device, metric, value, **options):
        if sys.argv[2] == "in-write":
            os.kill(os.getpid(), signal.SIGKILL)
        await super().write(device, metric, value, **options)

async def main():
    async with rig_on(Path(sys.argv[1]), Deadly()) as rig:
        if sys.argv[2] == "before-write":
            rig.commands._journal.begin_write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        rig.commands.submit(order(life_s=float(sys.argv[3])))
        await asyncio.sleep(20)

asyncio.run(main())
"""


def _killed(folder: Path, moment: str, life_s: float) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(folder), moment, str(life_s)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


async def test_killed_while_writing_is_failed_and_never_written_again(tmp_path: Path) -> None:
    await asyncio.to_thread(_killed, tmp_path, "in-write", 30)
    async with rig_on(tmp_path) as rig:
        await rig.until(1)
        assert rig.statuses() == [FAILED]
        assert "restarted while it wrote" in rig.told[0].error
        rig.commands.submit(order())
        await rig.until(2)
        assert rig.statuses() == [FAILED, FAILED]
        assert rig.device.writes == []


async def test_killed_before_writing_is_carried_out_while_in_time(tmp_path: Path) -> None:
    await asyncio.to_thread(_killed, tmp_path, "before-write", 30)
    async with rig_on(tmp_path) as rig:
        await rig.until(1)
        assert rig.statuses() == [DONE]
        assert rig.device.writes == [(VALVE.metric, 1)]


async def test_killed_before_writing_expires(tmp_path: Path) -> None:
    await asyncio.to_thread(_killed, tmp_path, "before-write", 0.5)
    await asyncio.sleep(0.5)
    async with rig_on(tmp_path) as rig:
        await rig.until(1)
        assert rig.statuses() == [EXPIRED]
        assert rig.device.writes == []


async def test_resumed_command_waits_for_its_device_and_expires(tmp_path: Path) -> None:
    await asyncio.to_thread(_killed, tmp_path, "before-write", 1.5)
    async with rig_on(tmp_path) as rig:
        rig.up.discard(DEVICE)
        await rig.until(1)
        assert rig.statuses() == [EXPIRED]
        assert rig.device.writes == []
