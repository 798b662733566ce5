"""A timed command is taken back by the gateway, whatever happens to it meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.locks import EVERYTHING, LOCKS_FILE, Lock, write_locks
from telemetry.commands import CommandStatus
from telemetry.devices.writing import WriteRule
from tests.edge.commands.rig import DEVICE, OPENING, SIREN, VALVE, FakeDevice, Rig, order, rig_on

pytestmark = pytest.mark.anyio
ACCEPTED, DONE, REJECTED, FAILED, EXPIRED = CommandStatus


async def ended(rig: Rig, command_id: str) -> None:
    async with asyncio.timeout(15):
        while not set(rig.statuses(command_id)) - {ACCEPTED}:
            await asyncio.sleep(0.02)


async def test_a_timed_command_returns_to_where_it_began(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(values={OPENING.metric: 12.0})) as rig:
        rig.commands.submit(order(OPENING.metric, 80.0, revert_after_s=0.3))
        await ended(rig, "c-1/revert")
        assert rig.statuses() == [ACCEPTED, DONE]
        assert rig.statuses("c-1/revert") == [DONE]
        assert rig.told[-1].values == {OPENING.metric: 12.0}
        assert rig.device.writes == [(OPENING.metric, 80.0), (OPENING.metric, 12.0)]


async def test_where_it_ends_may_be_configured(tmp_path: Path) -> None:
    rules = {OPENING.metric: WriteRule(revert_to=5.0)}
    async with rig_on(tmp_path, FakeDevice(values={OPENING.metric: 12.0}), rules=rules) as rig:
        rig.commands.submit(order(OPENING.metric, 80.0, revert_after_s=0.2))
        await ended(rig, "c-1/revert")
        assert rig.device.writes[-1] == (OPENING.metric, 5.0)


async def test_a_later_timed_command_prolongs_and_ends_where_the_first_began(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(revert_after_s=0.6))
        await ended(rig, "c-1")
        rig.commands.submit(order(command_id="c-2", revert_after_s=1.0))
        await ended(rig, "c-2/revert")
        assert rig.statuses("c-1/revert") == []
        assert rig.device.writes == [(VALVE.metric, 1), (VALVE.metric, 1), (VALVE.metric, 0)]


async def test_a_later_lasting_command_stays(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(revert_after_s=0.5))
        await ended(rig, "c-1")
        rig.commands.submit(order(command_id="c-2"))
        await ended(rig, "c-2")
        await asyncio.sleep(0.7)
        assert rig.device.values[VALVE.metric] == 1
        assert rig.statuses("c-1/revert") == []


async def test_a_later_command_that_is_refused_takes_nothing_away(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(revert_after_s=0.5))
        await ended(rig, "c-1")
        rig.commands.submit(order(value=7, command_id="c-2"))
        rig.commands.submit(order(command_id="c-3", life_s=-1))
        await ended(rig, "c-1/revert")
        assert rig.device.values[VALVE.metric] == 0


async def test_nobody_knows_whereto(tmp_path: Path) -> None:
    async with rig_on(tmp_path, FakeDevice(values={})) as rig:
        rig.commands.submit(order(revert_after_s=5))
        await ended(rig, "c-1")
        assert rig.statuses() == [ACCEPTED, FAILED]
        assert "where to return to" in rig.told[-1].error
        assert rig.device.writes == []


async def test_a_silent_device_is_taken_back_when_it_answers_again(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(revert_after_s=0.3))
        await ended(rig, "c-1")
        rig.up.clear()
        await asyncio.sleep(0.6)
        assert rig.device.values[VALVE.metric] == 1
        rig.up.add(DEVICE)
        await ended(rig, "c-1/revert")
        assert rig.device.values[VALVE.metric] == 0
        assert rig.statuses("c-1/revert") == [DONE]


async def test_a_technician_at_the_valve_is_not_surprised(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.commands.submit(order(revert_after_s=0.3))
        await ended(rig, "c-1")
        write_locks(tmp_path / LOCKS_FILE, [Lock(EVERYTHING, "an", "Sửa van", 0, None)])
        await asyncio.sleep(0.6)
        rig.commands.submit(order(command_id="c-2"))
        await ended(rig, "c-2")
        assert rig.statuses("c-2") == [REJECTED]
        assert "Sửa van" in rig.told[-1].error
        assert rig.device.values[VALVE.metric] == 1
        write_locks(tmp_path / LOCKS_FILE, [])
        await ended(rig, "c-1/revert")
        assert rig.device.values[VALVE.metric] == 0


async def test_the_instruments_own_timer_is_wound_up_and_found_done(tmp_path: Path) -> None:
    device = FakeDevice(values={SIREN.metric: False}, longest_hold_s=100.0)
    async with rig_on(tmp_path, device) as rig:
        rig.commands.submit(order(SIREN.metric, True, revert_after_s=0.4))
        await ended(rig, "c-1")
        assert device.holds == [0.4]
        device.values[SIREN.metric] = False  # the board has switched back by itself
        await ended(rig, "c-1/revert")
        assert device.writes == [(SIREN.metric, True)]


async def test_a_timer_that_is_too_short_is_wound_up_again(tmp_path: Path) -> None:
    device = FakeDevice(values={SIREN.metric: False}, longest_hold_s=0.4)
    async with rig_on(tmp_path, device) as rig:
        rig.commands.submit(order(SIREN.metric, True, revert_after_s=1.0))
        await ended(rig, "c-1/revert")
        assert set(device.writes[:-1]) == {(SIREN.metric, True)}
        assert device.writes[-1] == (SIREN.metric, False)
        assert len(device.writes) >= 4
        assert all(hold is not None and hold <= 0.4 for hold in device.holds[:-1])


_VICTIM = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.edge.commands.rig import FakeDevice, order, rig_on

class Deadly(FakeDevice):
    async def write(self, device, metric, value, **options):
        await super().write(device, metric, value, **options)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with rig_on(Path(sys.argv[1]), Deadly()) as rig:
        rig.commands.submit(order(revert_after_s=float(sys.argv[2])))
        await asyncio.sleep(20)

asyncio.run(main())
"""


def killed_after_its_write(folder: Path, revert_after_s: float) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(folder), str(revert_after_s)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("boot", ["boot-1", "boot-2"])
async def test_the_kill_of_the_agent_or_the_machine_does_not_leave_a_valve_open(
    tmp_path: Path, boot: str
) -> None:
    await asyncio.to_thread(killed_after_its_write, tmp_path, 1.0)
    opened = FakeDevice(values={VALVE.metric: 1})
    async with rig_on(tmp_path, opened, boot=boot) as rig:
        await ended(rig, "c-1/revert")
        assert rig.statuses() == [DONE]  # what the device shows decides; nothing is written again
        assert opened.writes == [(VALVE.metric, 0)]
    async with rig_on(tmp_path, FakeDevice(), boot=boot) as later:
        await asyncio.sleep(0.3)
        # cut off before it noted that the end was told, it tells the same end again and does nothing
        assert set(later.statuses("c-1/revert")) <= {DONE}
        assert later.device.writes == []


async def test_after_a_restart_without_a_known_time_it_is_taken_back_at_once(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        rig.is_clock_known = False
        rig.commands.submit(order(revert_after_s=3600))
        await ended(rig, "c-1")
    async with rig_on(tmp_path, FakeDevice(values={VALVE.metric: 1}), boot="boot-2") as later:
        await ended(later, "c-1/revert")
        assert later.device.values[VALVE.metric] == 0
