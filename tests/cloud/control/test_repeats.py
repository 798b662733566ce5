from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud.control.repeats import Repeats
from cloud.registry.port import CommandRecord, CommandState


def command(command_id: str = "A", *, expires_ms: int = 60_000, device: str = "sl-1") -> CommandRecord:
    return CommandRecord(
        id=command_id,
        area="p060",
        gateway="eg-1",
        device=device,
        metric="Lamp/On",
        field="lamp_on",
        type="boolean",
        value=True,
        issuer="lan",
        reason="",
        state=CommandState.ASKED,
        error="",
        asked_ms=0,
        sent_ms=None,
        ended_ms=None,
        expires_ms=expires_ms,
        attempts=0,
    )


def always(_command: CommandRecord) -> bool:
    return True


def sending_times(expires_s: float, step_s: float = 0.1) -> list[float]:
    repeats = Repeats()
    times = []
    for tick in range(round(100 / step_s)):
        now_s = tick * step_s
        for each in repeats.due(
            [command(expires_ms=round(expires_s * 1000))],
            now_ms=round(now_s * 1000),
            now_s=now_s,
            is_reachable=always,
        ):
            repeats.sent(each.id, now_s=now_s)
            times.append(round(now_s, 1))
    return times


def test_a_command_is_repeated_at_2_5_10_and_then_every_10_seconds_until_it_expires() -> None:
    assert [round(time) for time in sending_times(45)] == [0, 2, 5, 10, 20, 30, 40]


@given(expires_s=st.floats(0, 90))
def test_nothing_is_sent_after_the_expiry(expires_s: float) -> None:
    assert all(time < expires_s + 0.001 for time in sending_times(expires_s, 0.5))


def test_a_command_waits_for_its_gateway_and_goes_when_it_is_there() -> None:
    repeats = Repeats()
    there = False
    for now_s in range(5):
        assert not repeats.due([command()], now_ms=0, now_s=now_s, is_reachable=lambda _: there)
    there = True
    assert [
        each.id for each in repeats.due([command()], now_ms=0, now_s=5, is_reachable=lambda _: there)
    ] == ["A"]


def test_a_device_that_comes_back_gets_its_command_at_once() -> None:
    repeats = Repeats()
    commands = [command("A"), command("B", device="sl-2")]
    for each in repeats.due(commands, now_ms=0, now_s=0, is_reachable=always):
        repeats.sent(each.id, now_s=0)
    repeats.device_born("sl-2")
    repeats.device_born("sl-unknown")
    assert [each.id for each in repeats.due(commands, now_ms=0, now_s=0.5, is_reachable=always)] == ["B"]


def test_a_command_that_is_no_longer_open_is_forgotten() -> None:
    repeats = Repeats()
    for _ in range(2):
        [due] = repeats.due([command()], now_ms=0, now_s=0, is_reachable=always)
        repeats.sent(due.id, now_s=0)
        assert repeats.due([], now_ms=0, now_s=0.1, is_reachable=always) == []
