"""`kega sim` as a person types it, against a simulator in a process of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from simulators.fleet import Fleet, write_fleet
from simulators.settings import RtuLineSettings, SimSettings, TcpLineSettings, load_settings
from telemetry.cli import main
from tests.servers import wait_until

KEGA = (sys.executable, "-m", "telemetry")
LEAST_BYTES, MOST_BYTES = 10_000_000, 70_000_000


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def kega(folder: Path, *arguments: str) -> Done:
    """A command in this process, with `folder` as the place of run-time files."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.setattr(sys, "argv", ["kega", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


@contextmanager
def simulator(folder: Path, fleet: Fleet) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "sim.log").open("wb") as log:
        process = subprocess.Popen(
            [*KEGA, "sim", "run", "--config", str(fleet.sim_file)],
            stderr=log,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
    try:
        wait_until(
            lambda: fleet.control_socket.exists() or process.poll() is not None, "the control socket", 20
        )
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@dataclass(frozen=True)
class Running:
    """A simulator in a process of its own."""

    folder: Path
    fleet: Fleet
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sim")
    fleet = write_fleet(folder, broker_url="mqtt://127.0.0.1:1883")
    with simulator(folder, fleet) as process:
        yield Running(folder, fleet, process)


def test_faults_as_a_person_types_them(running: Running) -> None:
    folder = running.folder
    begun = kega(folder, "sim", "fault", "lamp-out", "sl-000003", "--for", "60")
    assert begun.returncode == 0, begun.stderr
    assert "broken: lamp-out at sl-000003 (60 s left)" in begun.stdout
    smoke = kega(folder, "sim", "fault", "set", "smoke", "aq-000016", "--for", "2m", "--strength", "99")
    assert "smoke at aq-000016 (120 s left)" in smoke.stdout
    listed = kega(folder, "sim", "fault", "list")
    assert "burnt out" in listed.stdout
    assert "broken: smoke at aq-000016" in listed.stdout
    assert "ended: lamp-out at sl-000003" in kega(folder, "sim", "fault", "clear", "lamp-out").stdout
    cleared = json.loads(kega(folder, "sim", "fault", "clear", "all", "--json").stdout)
    assert [each["kind"] for each in cleared["ended"]] == ["smoke"]
    assert "nothing of that kind" in kega(folder, "sim", "fault", "clear", "dead").stdout


def test_status_in_words_and_in_json(running: Running) -> None:
    folder, fleet = running.folder, running.fleet
    assert "45 devices on 20 lines, seed 1" in kega(folder, "sim", "status").stdout
    told = json.loads(kega(folder, "sim", "status", "--control", str(fleet.control_socket), "--json").stdout)
    assert LEAST_BYTES < told["memory_bytes"] < MOST_BYTES


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("lampout", "sl-000003"), 1, "no fault 'lampout'. Those that exist: dead, stuck"),
        (("lamp-out", "sl-999999"), 1, "no device or gateway 'sl-999999' here. Devices: sl-000001"),
        (("leak", "sl-000003"), 1, "Devices that can: wm-"),
        (("lamp-out", "sl-000003", "--for", "soon"), 1, "'soon' is no duration"),
        (("lamp-out",), 2, "Missing argument 'TARGET'"),
        (("clear", "nothing"), 1, "no fault 'nothing'"),
    ],
)
def test_errors_name_what_exists(running: Running, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = kega(running.folder, "sim", "fault", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("fault", "list"), ("fault", "dead", "sl-000001"), ("status",), ("fault", "clear", "all")]
)
def test_without_a_simulator_the_exit_code_is_three(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = kega(tmp_path, "sim", *arguments)
    assert done.returncode == 3
    assert "no simulator runs here" in done.stderr
    named = kega(tmp_path, "sim", *arguments, "--control", str(tmp_path / "none.sock"))
    assert named.returncode == 3
    assert "no simulator answers at" in named.stderr


def test_a_second_simulator_of_the_same_folder_is_refused(running: Running) -> None:
    folder, fleet = running.folder, running.fleet
    done = kega(folder, "sim", "run", "--config", str(fleet.sim_file))
    assert done.returncode == 1
    assert "another simulator runs already" in done.stderr
    assert kega(folder, "sim", "status").returncode == 0, "the first one lives on"
    for line in load_settings(fleet.sim_file).lines:
        if not isinstance(line, TcpLineSettings):
            assert line.link.exists(), "and keeps its lines"


def test_fleet_and_history_from_the_command_line(tmp_path: Path) -> None:
    wrote = kega(
        tmp_path, "sim", "fleet", "--out", str(tmp_path), "--broker", "mqtt://127.0.0.1:1883", "--json"
    )
    told = json.loads(wrote.stdout)
    assert len(told["devices"]) == 45
    past = str(tmp_path / "past")
    history = kega(
        tmp_path, "sim", "history", "--config", told["sim"], "--from", "-1h", "--out", past, "--json"
    )
    assert history.returncode == 0, history.stderr
    for each in json.loads(history.stdout).values():
        assert len(Path(each["file"]).read_text().splitlines()) > 10
    wrong = kega(tmp_path, "sim", "history", "--config", told["sim"], "--from", "now", "--out", past)
    assert wrong.returncode == 1
    assert "must come after" in wrong.stderr


def test_a_configuration_that_is_wrong_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "sim.yaml").write_text("lines: []\ndevices: []\n")
    done = kega(tmp_path, "sim", "run", "--config", str(tmp_path / "sim.yaml"))
    assert done.returncode == 1
    assert "sim.yaml:1: lines" in done.stderr


def test_it_ends_clean_and_leaves_nothing_behind(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path, broker_url="mqtt://127.0.0.1:1883", gateways=6, devices=12)
    with simulator(tmp_path, fleet) as process:
        links = [line.link for line in load_settings(fleet.sim_file).lines if hasattr(line, "link")]
        assert all(link.is_symlink() for link in links)
    assert process.returncode == 0
    assert not fleet.control_socket.exists()
    assert not any(link.is_symlink() for link in links)
    assert not list(tmp_path.glob("kega-sim-*"))


def test_a_whole_fleet_costs_little(running: Running) -> None:
    """Every meter and probe is asked ten times as often as gateways would ask; memory and time stay small."""
    folder, fleet = running.folder, running.fleet
    settings = load_settings(fleet.sim_file)
    pid = running.process.pid
    before, started, asked = cpu_seconds(pid), time.monotonic(), 0
    while time.monotonic() - started < 2:
        asked += poll_all(settings)
    spent = cpu_seconds(pid) - before
    assert asked > 20
    assert spent / asked < 0.005, f"{1000 * spent / asked:.1f} ms of processor for a request"
    status = json.loads(kega(folder, "sim", "status", "--json").stdout)
    assert status["memory_bytes"] < MOST_BYTES


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_FIRST = {
    "eastron_sdm120": (4, 0, 2),
    "tuf2000m": (3, 0, 2),
    "qdw90a_pressure": (3, 22, 2),
    "xy_md02": (4, 1, 2),
    "cwt_soil_7in1_variant_b": (3, 0, 9),
    "ecowitt_wn90lp": (3, 0x165, 10),
}


def poll_all(settings: SimSettings) -> int:
    """Ask one instrument on every Modbus line; how many answered."""
    answered = 0
    for line in settings.lines:
        units = [
            (instrument.unit_id, _FIRST[instrument.profile])
            for device in settings.devices
            for instrument in device.instruments
            if instrument.line == line.id and instrument.profile in _FIRST
        ]
        if not units:
            continue
        client: ModbusSerialClient | ModbusTcpClient
        if isinstance(line, RtuLineSettings):
            client = ModbusSerialClient(str(line.link), baudrate=line.baud, timeout=1)
        else:
            assert isinstance(line, TcpLineSettings)
            client = ModbusTcpClient(line.host, port=line.port, timeout=1)
        assert client.connect()
        for unit_id, (function, address, count) in units:
            read = client.read_holding_registers if function == 3 else client.read_input_registers
            assert not read(address, count=count, device_id=unit_id or 1).isError()
            answered += 1
        client.close()
    return answered
