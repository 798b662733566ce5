"""The gateway's time: unknown, known, stepped, remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.time.keeper import KEEP_EVERY_S, TimeKeeper
from edge.time.kernel import KernelClock, boot_id, keeps_time_when_off, read_kernel
from edge.time.ladder import FIRST_PLAUSIBLE_MS, Rung, Sample
from edge.time.memory import TIME_FILE, LastKnown, keep, recall

UTC_S = 1_790_000_000
SYNCED = KernelClock(True, 0.02)
UNSYNCED = KernelClock(False, 16.0)


class Machine:
    """The machine's clocks, moved by hand; `wall_s` is what the wall clock is wrong by."""

    def __init__(self, uptime_s: float = 30.0, wrong_s: float = 0.0) -> None:
        self.uptime_s = uptime_s
        self.wrong_s = wrong_s
        self.kernel = UNSYNCED

    def monotonic(self) -> float:
        return self.uptime_s

    def now_ms(self) -> int:
        return round(1000 * (UTC_S + self.uptime_s + self.wrong_s))

    @property
    def right_ms(self) -> int:
        return round(1000 * (UTC_S + self.uptime_s))


def keeper_on(machine: Machine, folder: Path, *, boot: str = "boot-1", trust: bool = False) -> TimeKeeper:
    return TimeKeeper(machine, lambda: machine.kernel, folder / TIME_FILE, boot=boot, trust_machine=trust)


def test_unknown_until_a_source_speaks(tmp_path: Path) -> None:
    machine = Machine(wrong_s=-50_000_000.0)
    keeper = keeper_on(machine, tmp_path)
    calls: list[str] = []
    keeper.when_known(lambda: calls.append("known"))
    keeper.tick()
    assert not keeper.is_known
    assert keeper.state().name == "unknown"
    assert keeper.wants_host()
    assert keeper.measuring.now_ms() == 30_000, "milliseconds since the start"
    assert keeper.now_ms() == FIRST_PLAUSIBLE_MS + 30_000, "the earliest that it can be"
    assert keeper.measured_ms(keeper.now_ms()) == 30_000
    machine.uptime_s += 10
    keeper.offer(Sample(Rung.HOST, float(UTC_S), 0.03, machine.uptime_s))
    assert calls == ["known"]
    assert keeper.measuring.now_ms() == keeper.now_ms() == machine.right_ms
    state = keeper.state()
    assert (state.source, state.is_known, state.name) == (Rung.HOST, True, "host")
    assert state.offset_ms == pytest.approx(50_000_000_000)
    assert state.error_ms == pytest.approx(30)
    keeper.when_known(lambda: calls.append("at once"))
    assert calls == ["known", "at once"]


def test_ntp_is_believed_when_the_kernel_says_so_and_its_steps_are_followed(tmp_path: Path) -> None:
    machine = Machine(wrong_s=-1_000.0)
    keeper = keeper_on(machine, tmp_path)
    assert not keeper.is_known
    machine.wrong_s, machine.kernel = 0.0, SYNCED
    keeper.tick()
    assert keeper.state().source is Rung.NTP
    assert not keeper.wants_host()
    machine.wrong_s = 3.0
    assert keeper.now_ms() == machine.right_ms, "nothing changes until it is looked at"
    keeper.tick()
    assert keeper.now_ms() == machine.right_ms + 3_000


def test_a_clock_that_somebody_sets_is_not_followed_on_a_gateway(tmp_path: Path) -> None:
    machine = Machine()
    machine.kernel = SYNCED
    keeper = keeper_on(machine, tmp_path)
    for wrong_s in (-86_400.0, 86_400.0):
        machine.wrong_s, machine.kernel = wrong_s, UNSYNCED
        machine.uptime_s += 1
        keeper.tick()
        assert abs(keeper.now_ms() - machine.right_ms) <= 1
    assert keeper.state().source is Rung.NTP
    machine.uptime_s += 20_000
    keeper.tick()
    assert keeper.state().name == "holdover"
    assert keeper.wants_host()
    assert keeper.state().error_ms == pytest.approx(2_020, rel=0.01)


def test_a_machine_that_keeps_time_is_believed_but_for_an_empty_battery(tmp_path: Path) -> None:
    machine = Machine(wrong_s=-UTC_S + 946_684_800)
    keeper = keeper_on(machine, tmp_path, trust=True)
    assert not keeper.is_known, "2000-01-01: the battery is empty"
    machine.wrong_s = 0.0
    keeper.tick()
    assert keeper.state().source is Rung.MACHINE
    assert keeper.wants_host(), "a better source is welcome"
    machine.uptime_s += 100
    machine.wrong_s = 7_200.0
    keeper.tick()
    assert keeper.now_ms() == machine.right_ms + 7_200_000, "who sets its clock is believed"
    keeper.offer(Sample(Rung.HOST, float(UTC_S), 0.05, machine.uptime_s))
    assert keeper.now_ms() == machine.right_ms


def test_the_last_time_is_kept_seldom_and_bounds_the_next_start(tmp_path: Path) -> None:
    machine = Machine()
    machine.kernel = SYNCED
    keeper = keeper_on(machine, tmp_path)
    writes = []
    for _ in range(3600):
        machine.uptime_s += 1
        keeper.tick()
        known = recall(tmp_path / TIME_FILE)
        assert known is not None
        if known.utc_ms not in writes:
            writes.append(known.utc_ms)
    assert len(writes) == 1 + 3600 // KEEP_EVERY_S
    later = Machine(uptime_s=5.0, wrong_s=-100_000.0)
    again = keeper_on(later, tmp_path, boot="boot-2")
    assert not again.is_known
    assert again.now_ms() == writes[-1] + 5_000
    trusting = keeper_on(later, tmp_path, boot="boot-2", trust=True)
    assert not trusting.is_known, "a clock behind the last known time was not running"


def test_a_restart_of_the_agent_in_the_same_boot_knows_at_once(tmp_path: Path) -> None:
    machine = Machine()
    machine.kernel = SYNCED
    keeper_on(machine, tmp_path)
    machine.kernel = UNSYNCED
    machine.wrong_s = -77_777.0
    machine.uptime_s += 3_000
    again = keeper_on(machine, tmp_path)
    assert again.is_known
    assert again.now_ms() == machine.right_ms
    assert again.state().error_ms == pytest.approx(320, abs=5)


def test_a_time_from_before_this_software_is_refused(tmp_path: Path) -> None:
    keeper = keeper_on(Machine(), tmp_path)
    keeper.offer(Sample(Rung.GNSS, 1_700_000_000.0, 0.5, 30.0))
    assert not keeper.is_known


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', '{"boot":"b","utc_ms":"x"}'])
def test_a_broken_memory_is_no_memory(tmp_path: Path, content: str) -> None:
    (tmp_path / TIME_FILE).write_text(content)
    assert recall(tmp_path / TIME_FILE) is None
    assert not keeper_on(Machine(), tmp_path).is_known


def test_a_disk_that_takes_nothing_is_lived_with(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(tmp_path / "absent" / TIME_FILE, LastKnown("b", 1, 1.0, 1.0))
    assert [record.message for record in caplog.records] == ["last-time-not-kept"]


def test_the_kernel_is_really_asked() -> None:
    told = read_kernel()
    assert isinstance(told.is_synchronised, bool)
    assert told.error_s >= 0
    assert len(boot_id()) == 36
    assert boot_id(Path("/absent")) == ""


def test_machines_that_keep_time(tmp_path: Path) -> None:
    assert not keeps_time_when_off(tmp_path)
    rtc = tmp_path / "sys/class/rtc/rtc0"
    rtc.mkdir(parents=True)
    (rtc / "hctosys").write_text("0\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor : 0\nflags\t\t: fpu vme\n")
    assert not keeps_time_when_off(tmp_path)
    (tmp_path / "proc/cpuinfo").write_text("processor : 0\nflags\t\t: fpu hypervisor lm\n")
    assert keeps_time_when_off(tmp_path)
    (tmp_path / "proc/cpuinfo").unlink()
    (rtc / "hctosys").write_text("1\n")
    assert keeps_time_when_off(tmp_path)


def test_states_have_names(tmp_path: Path) -> None:
    keeper = keeper_on(Machine(), tmp_path)
    keeper.offer(Sample(Rung.GNSS, float(UTC_S), 0.6, 30.0))
    assert keeper.state().name == "gnss"
    assert replace(keeper.state(), error_ms=1_500.0).name == "holdover"
