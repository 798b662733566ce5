"""What travels with a command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.commands import PLAIN_LIFETIME_MS, Command, CommandStatus, command_metric, command_of
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, Unsupported, decode, encode


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**62), st.booleans())
def test_a_command_comes_back_from_the_wire(name: str, expires_ms: int, on: bool) -> None:
    command = Command("sl-000001", "Lamp/On", on, name, expires_ms, "an")
    metric = decode(encode(Payload(1, (command_metric(command, DataType.BOOLEAN, 5),)))).metrics[0]
    assert command_of("sl-000001", metric, 77) == command


def test_a_plain_command_lives_30_seconds_from_its_sending() -> None:
    metric = command_metric(Command("a", "Lamp/On", True, None, 0), DataType.BOOLEAN, 5)
    assert metric.properties == {}
    assert command_of("a", metric, 100) == Command("a", "Lamp/On", True, None, 100 + PLAIN_LIFETIME_MS)


@pytest.mark.parametrize(
    "properties",
    [
        {"cmdId": Property(DataType.STRING, "c-1")},
        {"expires": Property(DataType.DATETIME, 5)},
        {"cmdId": Property(DataType.INT32, 4), "expires": Property(DataType.DATETIME, 5)},
        {"cmdId": Property(DataType.STRING, "c-1"), "expires": Property(DataType.STRING, "soon")},
    ],
)
def test_half_a_command_counts_as_plain(properties: dict[str, Property]) -> None:
    command = command_of("a", Metric("Lamp/On", DataType.BOOLEAN, True, properties=properties), 100)
    assert (command.id, command.expires_ms) == (None, 100 + PLAIN_LIFETIME_MS)


def test_a_value_that_we_cannot_use_is_none() -> None:
    assert command_of("a", Metric("Lamp/On", DataType.DATASET, Unsupported("x")), 100).value is None


def test_only_accepted_is_not_final() -> None:
    assert [status for status in CommandStatus if not status.is_final] == [CommandStatus.ACCEPTED]
