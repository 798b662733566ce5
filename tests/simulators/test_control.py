"""The control socket: faults and figures for who asks rightly, an answer for who does not."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from simulators.control import place
from simulators.control.client import ask
from simulators.control.protocol import MAX_LINE, AskClear, AskFaults, AskSet, AskStatus
from simulators.errors import LineError, SimError, SimUnreachable
from simulators.faults import KINDS, Kind
from simulators.province import Province
from tests.simulators.support import EVENING, SetClock, lighting, serving


def asked(province: Province, *lines: bytes) -> list[dict[str, Any]]:
    """The answers to raw lines on one connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(province.settings.control))
        connection.sendall(b"".join(line + b"\n" for line in lines))
        with connection.makefile("rb") as stream:
            return [json.loads(stream.readline()) for _ in lines]


def test_faults_begin_are_listed_and_end(lamps: Province) -> None:
    control = lamps.settings.control
    begun = ask(control, AskSet(kind="lamp-out", target="sl-000001", for_s=60))
    assert begun["begun"][0]["device"] == "sl-000001"
    assert begun["begun"][0]["left_s"] == 60
    assert "switch it on" in begun["hints"][0]
    listed = ask(control, AskFaults())
    assert [each["kind"] for each in listed["active"]] == ["lamp-out"]
    assert {each["kind"] for each in listed["kinds"]} == {kind.value for kind in Kind}
    assert ask(control, AskClear(kind="dead"))["ended"] == []
    assert len(ask(control, AskClear(kind="lamp-out", target="sl-000001"))["ended"]) == 1
    assert ask(control, AskFaults())["active"] == []


def test_a_lamp_that_burns_needs_no_hint(lamps: Province, clock: SetClock) -> None:
    clock.time_s = EVENING
    assert ask(lamps.settings.control, AskSet(kind="lamp-out", target="sl-000001"))["hints"] == []


def test_a_shared_board_is_said_to_go_on(lamps: Province) -> None:
    (hint,) = ask(lamps.settings.control, AskSet(kind="dead", target="sl-000002"))["hints"]
    assert "sl-000002 shares with others goes on" in hint


def test_a_gateway_means_all_its_devices_that_can(lamps: Province) -> None:
    begun = ask(lamps.settings.control, AskSet(kind="door-open", target="eg-0001"))["begun"]
    assert [each["device"] for each in begun] == ["sl-000001", "sl-000002", "sl-000003"]


def test_status_tells_of_lines_and_memory(lamps: Province) -> None:
    status = ask(lamps.settings.control, AskStatus())
    assert status["devices"] == 3
    assert {line["id"] for line in status["lines"]} == {"rtu", "tcp"}
    assert status["memory_bytes"] > 1_000_000


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AskSet(kind="broken", target="sl-000001"), "no fault 'broken'. Those that exist: dead, stuck"),
        (AskSet(kind="dead", target="sl-9"), "no device or gateway 'sl-9' here. Devices: sl-000001"),
        (AskSet(kind="leak", target="sl-000001"), "is a streetlight and cannot have fault leak"),
        (AskSet(kind="leak", target="eg-0001"), "cannot have fault leak. Devices that can: none here"),
        (AskSet(kind="crc", target="sl-000003"), "hangs on Modbus TCP, which has no checksum"),
        (AskSet(kind="dead", target="sl-000001", strength=2), "has no strength"),
        (AskSet(kind="late", target="sl-000001", strength=1e6), "is outside 0 … 60 seconds"),
        (AskSet(kind="late", target="sl-000001", for_s=-1), "cannot last -1 s"),
        (AskClear(kind="nothing"), "no fault 'nothing'"),
        (AskClear(kind="all", target="xx-1"), "no device or gateway 'xx-1'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(lamps: Province, request_: Any, words: str) -> None:
    with pytest.raises(SimError) as caught:
        ask(lamps.settings.control, request_)
    assert words in str(caught.value)
    assert not caught.value.unreachable


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"do": "explode"}',
        b'{"do": "set", "kind": 5}',
        b'{"do": "set", "kind": "dead", "target": "sl-000001", "for_s": NaN}',
        b'{"do": "status", "more": 1}',
        b"\xff\xfe",
    ],
)
def test_bad_lines_get_an_error_and_the_connection_goes_on(lamps: Province, line: bytes) -> None:
    wrong, right = asked(lamps, line, b'{"do": "status"}')
    assert wrong["ok"] is False
    assert wrong["error"]
    assert right["ok"] is True


def test_a_line_without_end_ends_the_connection_only(lamps: Province) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(lamps.settings.control))
        try:
            connection.sendall(b"x" * (4 * MAX_LINE))
            assert connection.recv(10) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert asked(lamps, b'{"do": "status"}')[0]["ok"]


def test_nobody_answers_where_no_simulator_runs(tmp_path: Path) -> None:
    with pytest.raises(SimUnreachable, match="no simulator answers at"):
        ask(tmp_path / "none.sock", AskStatus())


def test_two_simulators_cannot_have_one_socket(lamps: Province, tmp_path: Path, clock: SetClock) -> None:
    other = lighting(tmp_path / "other").model_copy(update={"control": lamps.settings.control})
    with pytest.raises(LineError, match="another simulator runs already"), serving(other, clock):
        pass
    assert asked(lamps, b'{"do": "status"}')[0]["ok"], "the first one still has its socket"


def test_a_socket_left_behind_is_replaced(tmp_path: Path, clock: SetClock) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "sim.sock"))
    left.close()
    with serving(lighting(tmp_path), clock) as province:
        assert asked(province, b'{"do": "status"}')[0]["ok"]
    assert not (tmp_path / "sim.sock").exists()


def test_a_path_too_long_for_a_socket_is_said_to_be(tmp_path: Path, clock: SetClock) -> None:
    given = lighting(tmp_path).model_copy(update={"control": tmp_path / ("x" * 120)})
    with pytest.raises(LineError, match="the path is longer than 107 bytes"), serving(given, clock):
        pass


def test_the_last_simulator_is_found_without_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(SimUnreachable, match="no simulator runs here"):
        place.find_socket()
    place.announce(tmp_path / "a.sock")
    place.announce(tmp_path / "b.sock")
    assert place.find_socket() == tmp_path / "b.sock"
    place.withdraw(tmp_path / "a.sock")
    assert place.find_socket() == tmp_path / "b.sock", "only the own announcement is withdrawn"
    place.withdraw(tmp_path / "b.sock")
    with pytest.raises(SimUnreachable):
        place.find_socket()


def test_every_kind_says_what_it_does() -> None:
    assert set(KINDS) == set(Kind)
    for facts in KINDS.values():
        assert facts.text
        assert bool(facts.strength) == (facts.default != 1.0)
