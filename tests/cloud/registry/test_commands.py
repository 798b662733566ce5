from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.errors import Refused
from cloud.registry.database import SqlRegistry
from cloud.registry.port import CommandRecord, CommandState
from telemetry.commands import CommandStatus
from telemetry.readings import Value


def command(
    command_id: str = "01A", *, value: Value = True, device: str = "sl-1", expires: int = 100
) -> CommandRecord:
    return CommandRecord(
        id=command_id,
        area="p060",
        gateway="eg-1",
        device=device,
        metric="Lamp/On",
        field="lamp_on",
        type="boolean",
        value=value,
        issuer="lan",
        reason="thử đèn",
        state=CommandState.ASKED,
        error="",
        asked_ms=10,
        sent_ms=None,
        ended_ms=None,
        expires_ms=expires,
        attempts=0,
    )


def known(registry: SqlRegistry, command_id: str = "01A") -> CommandRecord:
    found = registry.command(command_id)
    assert found is not None
    return found


@pytest.mark.parametrize("value", [True, False, 1, 0, 2**53 + 1, 1.0, -0.25, "đóng", "1"])
def test_a_value_comes_back_with_its_type(registry: SqlRegistry, value: Value) -> None:
    registry.add_command(command(value=value))
    back = known(registry).value
    assert back == value
    assert type(back) is type(value)


def test_a_command_goes_its_way(registry: SqlRegistry) -> None:
    registry.add_command(command())
    assert registry.command("none") is None
    registry.command_sent("01A", time_ms=20)
    registry.command_sent("01A", time_ms=22)
    assert (known(registry).state, known(registry).attempts, known(registry).sent_ms) == (
        CommandState.SENT,
        2,
        20,
    )
    registry.command_result("01A", CommandStatus.ACCEPTED, "", time_ms=30)
    registry.command_sent("01A", time_ms=31)
    assert (known(registry).state, known(registry).ended_ms) == (CommandState.ACCEPTED, None)
    assert [each.id for each in registry.open_commands()] == ["01A"]
    registry.command_result("01A", CommandStatus.DONE, "", time_ms=40)
    assert (known(registry).state, known(registry).ended_ms) == (CommandState.DONE, 40)
    assert registry.open_commands() == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports=st.lists(st.sampled_from(["sent", "expire", *CommandStatus]), max_size=6), number=st.uuids())
def test_a_final_state_never_changes(
    registry: SqlRegistry, reports: list[CommandStatus | str], number: object
) -> None:
    name = str(number)
    if registry.command(name) is None:
        registry.add_command(command(name))
    final: tuple[CommandState, str, int | None] | None = None
    for step, report in enumerate(reports):
        if report == "sent":
            registry.command_sent(name, time_ms=step)
        elif report == "expire":
            registry.expire_commands(now_ms=1000, grace_ms=0)
        else:
            registry.command_result(name, CommandStatus(report), "why", time_ms=step)
        now = known(registry, name)
        if final is not None:
            assert (now.state, now.error, now.ended_ms) == final
        elif now.state.is_final:
            final = (now.state, now.error, now.ended_ms)
    assert (final is None) == (name in {each.id for each in registry.open_commands()})


def test_a_result_may_be_quicker_than_the_note_that_it_was_sent(registry: SqlRegistry) -> None:
    registry.add_command(command())
    registry.command_result("01A", CommandStatus.DONE, "", time_ms=30)
    registry.command_sent("01A", time_ms=20)
    assert (known(registry).state, known(registry).attempts, known(registry).sent_ms) == (
        CommandState.DONE,
        1,
        20,
    )


def test_a_late_other_result_is_kept_in_the_audit_trail(registry: SqlRegistry) -> None:
    registry.add_command(command())
    registry.command_sent("01A", time_ms=20)
    assert registry.expire_commands(now_ms=111, grace_ms=10) == ["01A"]
    registry.command_result("01A", CommandStatus.DONE, "", time_ms=500)
    registry.command_result("01A", CommandStatus.EXPIRED, "", time_ms=500)
    assert known(registry).state is CommandState.EXPIRED
    assert [row.what for row in registry.audit_trail(subject="sl-1")] == ["command-late-result", "command"]


def test_commands_expire_after_their_grace_and_say_why(registry: SqlRegistry) -> None:
    for command_id in ("01A", "01B", "01C"):
        registry.add_command(command(command_id))
    registry.add_command(command("01D", expires=10_000))
    registry.command_sent("01B", time_ms=20)
    registry.command_result("01C", CommandStatus.ACCEPTED, "", time_ms=20)
    assert registry.expire_commands(now_ms=110, grace_ms=10) == []
    assert registry.expire_commands(now_ms=111, grace_ms=10) == ["01A", "01B", "01C"]
    assert "never sent" in known(registry, "01A").error
    assert "sent 1 times" in known(registry, "01B").error
    assert "accepted" in known(registry, "01C").error
    assert [each.id for each in registry.open_commands()] == ["01D"]


def test_unknown_and_double_commands(registry: SqlRegistry) -> None:
    registry.command_result("ghost", CommandStatus.DONE, "", time_ms=1)
    registry.command_sent("ghost", time_ms=1)
    registry.add_command(command())
    with pytest.raises(Refused, match="exists already"):
        registry.add_command(command(value=False))
    assert known(registry).value is True


def test_commands_are_listed_newest_first(registry: SqlRegistry) -> None:
    for command_id, device in (("01A", "sl-1"), ("01B", "sl-2"), ("01C", "sl-1")):
        registry.add_command(command(command_id, device=device))
    assert [each.id for each in registry.commands()] == ["01C", "01B", "01A"]
    assert [each.id for each in registry.commands(device="sl-1", limit=1)] == ["01C"]
