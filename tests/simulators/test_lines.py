"""Real sockets and pseudo-terminals, read by pymodbus and by mbpoll, which know nothing of the simulator."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from simulators.errors import LineError, SimError
from simulators.faults import Kind
from simulators.plants.lamp import Lamp
from simulators.province import Province
from simulators.settings import SimSettings
from simulators.wire.crc import crc16, with_crc
from simulators.wire.modbus_lines import MAX_CONNECTIONS
from telemetry.devices.library import Library
from telemetry.errors import KegaError
from tests.servers import free_port, program
from tests.simulators.support import EVENING, SetClock, device, lighting, serving, settings

POWER, VOLTAGE = 0x000C, 0x0000


@contextmanager
def rtu_master(province: Province, line: str = "rtu") -> Iterator[ModbusSerialClient]:
    client = ModbusSerialClient(province.lines[line].address, baudrate=115200, timeout=0.5, retries=0)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


@contextmanager
def tcp_master(province: Province, line: str = "tcp") -> Iterator[ModbusTcpClient]:
    host, port = province.lines[line].address.split(":")
    client = ModbusTcpClient(host, port=int(port), timeout=0.5, retries=0, framer=FramerType.SOCKET)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


def number(reply: ModbusPDU) -> float:
    assert not reply.isError(), reply
    value: float = struct.unpack(">f", struct.pack(">2H", *reply.registers))[0]
    return value


def power(master: ModbusSerialClient | ModbusTcpClient, unit: int) -> float:
    return number(master.read_input_registers(POWER, count=2, device_id=unit))


def mbpoll(*arguments: str) -> list[str]:
    """The values that mbpoll prints, one after the other."""
    done = subprocess.run(
        [program("mbpoll", "mbpoll"), "-q", "-1", "-0", "-o", "2", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("[")]


def raw_exchange(path: str, frame: bytes, expected: int) -> bytes:
    """Bytes that come back on a pseudo-terminal; fewer than expected after a silence."""
    end = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(end, frame)
        data = b""
        while len(data) < expected and select.select([end], [], [], 0.4)[0]:
            data += os.read(end, 256)
        return data
    finally:
        os.close(end)


def test_both_lines_tell_what_the_world_holds(lamps: Province, clock: SetClock) -> None:
    clock.time_s = EVENING
    grid = lamps.world.grid.voltage(EVENING, "eg-0001")
    with rtu_master(lamps) as rtu, tcp_master(lamps) as tcp:
        assert number(rtu.read_input_registers(VOLTAGE, count=2, device_id=1)) == pytest.approx(
            grid, rel=1e-6
        )
        assert number(tcp.read_input_registers(VOLTAGE, count=2, device_id=1)) == pytest.approx(
            grid, rel=1e-6
        )


def test_a_relay_switches_its_lamp_and_no_other(lamps: Province) -> None:
    with rtu_master(lamps) as master:
        assert power(master, 1) < 2
        assert not master.write_coil(0, True, device_id=10).isError()
        assert master.read_coils(0, count=8, device_id=10).bits[:2] == [True, False]
        assert power(master, 1) == pytest.approx(100, rel=0.05)
        assert power(master, 2) < 2
        assert not master.write_coil(0x00FF, True, device_id=10).isError()
        assert power(master, 2) == pytest.approx(100, rel=0.05)


def test_a_flash_ends_by_itself(lamps: Province, clock: SetClock) -> None:
    with rtu_master(lamps) as master:
        frame = with_crc(bytes.fromhex("0A0502000064"))
        assert raw_exchange(lamps.lines["rtu"].address, frame, 8) == frame
        assert power(master, 1) > 90
        clock.time_s += 9.9
        assert power(master, 1) > 90
        clock.time_s += 0.2
        assert power(master, 1) < 2


def test_dimming_lowers_the_power(lamps: Province) -> None:
    with tcp_master(lamps) as master:
        master.write_coil(0, True, device_id=101)
        assert not master.write_register(0, 5000, device_id=181).isError()
        assert master.read_holding_registers(0, count=1, device_id=181).registers == [5000]
        assert power(master, 1) == pytest.approx(55, rel=0.05)
        assert master.write_register(0, 10001, device_id=181).exception_code == 3


def test_mbpoll_reads_and_writes_tcp(lamps: Province, clock: SetClock) -> None:
    host, port = lamps.lines["tcp"].address.split(":")
    mbpoll("-p", port, "-a", "101", "-t", "0", "-r", "0", host, "1")
    assert mbpoll("-p", port, "-a", "101", "-t", "0", "-r", "0", "-c", "2", host) == ["1", "0"]
    (shown,) = mbpoll("-p", port, "-a", "1", "-t", "3:float", "-B", "-r", str(POWER), host)
    lamp = lamps.plants["sl-000003"]
    assert isinstance(lamp, Lamp)
    assert float(shown) == pytest.approx(lamp.at(clock.time_s).power_w, rel=1e-4)


def test_mbpoll_reads_and_writes_rtu_by_the_stable_path(lamps: Province, tmp_path: Path) -> None:
    line = ["-m", "rtu", "-b", "115200", "-P", "none", str(tmp_path / "rs485-1")]
    mbpoll("-a", "10", "-t", "0", "-r", "1", *line, "1")
    assert mbpoll("-a", "10", "-t", "0", "-r", "0", "-c", "3", *line) == ["0", "1", "0"]
    (shown,) = mbpoll("-a", "2", "-t", "3:float", "-B", "-r", str(POWER), *line)
    assert float(shown) == pytest.approx(100, rel=0.05)


def test_addresses_that_the_profile_does_not_have_are_refused(lamps: Province) -> None:
    with rtu_master(lamps) as master:
        assert master.read_input_registers(2, count=2, device_id=1).exception_code == 2
        assert master.read_input_registers(VOLTAGE, count=4, device_id=1).exception_code == 2
        assert master.read_holding_registers(VOLTAGE, count=2, device_id=1).exception_code == 2
        assert master.write_coil(50, True, device_id=10).exception_code == 2
        assert master.write_register(3, 1, device_id=1).exception_code == 2
        assert master.read_input_registers(0, count=41, device_id=1).exception_code == 3


def test_a_unit_that_is_not_there_says_nothing(lamps: Province) -> None:
    with rtu_master(lamps) as master, pytest.raises(ModbusIOException):
        master.read_input_registers(VOLTAGE, count=2, device_id=99)


def test_a_broadcast_reaches_all_and_none_answers(lamps: Province) -> None:
    frame = with_crc(bytes.fromhex("000500FFFF00"))
    with rtu_master(lamps) as master:
        assert raw_exchange(lamps.lines["rtu"].address, frame, 1) == b""
        assert power(master, 1) > 90


def test_a_meter_can_be_given_another_unit_id(lamps: Province) -> None:
    with rtu_master(lamps) as master:
        words = list(struct.unpack(">2H", struct.pack(">f", 77.0)))
        assert not master.write_registers(0x0014, words, device_id=1).isError()
        assert power(master, 77) < 2
        with pytest.raises(ModbusIOException):
            power(master, 1)
        taken = list(struct.unpack(">2H", struct.pack(">f", 2.0)))
        assert master.write_registers(0x0014, taken, device_id=77).exception_code == 3


def test_a_dead_device_is_silent_until_it_is_mended(lamps: Province) -> None:
    with rtu_master(lamps) as master:
        lamps.set_fault("dead", "sl-000001", None, None)
        with pytest.raises(ModbusIOException):
            power(master, 1)
        assert power(master, 2) < 2
        assert not master.read_coils(0, count=1, device_id=10).isError(), "the shared board goes on"
        lamps.clear_faults("dead", "sl-000001")
        assert power(master, 1) < 2


def test_a_gateway_without_power_takes_shared_boards_along(lamps: Province) -> None:
    lamps.set_fault("dead", "eg-0001", None, None)
    with rtu_master(lamps) as master, pytest.raises(ModbusIOException):
        master.read_coils(0, count=1, device_id=10)


def test_a_fault_ends_when_its_time_is_over(lamps: Province, clock: SetClock) -> None:
    lamps.set_fault("exception", "sl-000001", 60, None)
    with rtu_master(lamps) as master:
        assert master.read_input_registers(POWER, count=2, device_id=1).exception_code == 4
        clock.time_s += 61
        assert power(master, 1) < 2


def test_wrong_checksums_are_on_the_wire(lamps: Province) -> None:
    lamps.set_fault("crc", "sl-000001", None, None)
    frame = with_crc(bytes.fromhex("010400000002"))
    reply = raw_exchange(lamps.lines["rtu"].address, frame, 9)
    assert len(reply) == 9
    assert crc16(reply[:-2]) != int.from_bytes(reply[-2:], "little")
    with pytest.raises(ModbusIOException), rtu_master(lamps) as master:
        power(master, 1)


def test_late_replies_come_late(lamps: Province) -> None:
    lamps.set_fault("late", "sl-000003", None, 0.6)
    host, port = lamps.lines["tcp"].address.split(":")
    with socket.create_connection((host, int(port)), 5) as master:
        master.sendall(bytes.fromhex("000700000006010400000002"))
        master.settimeout(0.3)
        with pytest.raises(TimeoutError):
            master.recv(64)
        master.settimeout(5)
        assert master.recv(64)[:2] == b"\x00\x07"


def test_stuck_values_stay_while_time_goes_on(lamps: Province, clock: SetClock) -> None:
    with rtu_master(lamps) as master:
        lamps.set_fault("stuck", "sl-000001", None, None)
        before = number(master.read_input_registers(VOLTAGE, count=2, device_id=1))
        clock.time_s += 600
        assert number(master.read_input_registers(VOLTAGE, count=2, device_id=1)) == before
        lamps.clear_faults("all", None)
        assert number(master.read_input_registers(VOLTAGE, count=2, device_id=1)) != before


def test_garbage_is_well_framed_nonsense(lamps: Province) -> None:
    lamps.set_fault("garbage", "sl-000001", None, None)
    with rtu_master(lamps) as master:
        value = number(master.read_input_registers(VOLTAGE, count=2, device_id=1))
        assert not 0 <= value <= 500


def test_a_burnt_out_lamp_draws_next_to_nothing(lamps: Province, clock: SetClock) -> None:
    clock.time_s = EVENING
    with rtu_master(lamps) as master:
        assert power(master, 1) > 90
        lamps.set_fault("lamp-out", "sl-000001", None, None)
        assert master.read_coils(0, count=1, device_id=10).bits[0]
        assert power(master, 1) < 5
        assert power(master, 2) > 90


def test_the_door_contact_shows_on_its_own_input(lamps: Province) -> None:
    with tcp_master(lamps) as master:
        assert not any(master.read_discrete_inputs(0, count=8, device_id=101).bits)
        lamps.set_fault(Kind.DOOR_OPEN, "sl-000003", None, None)
        assert master.read_discrete_inputs(0, count=8, device_id=101).bits[:2] == [True, False]


def test_bytes_that_are_no_modbus_end_the_connection_but_not_the_server(lamps: Province) -> None:
    host, port = lamps.lines["tcp"].address.split(":")
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("00010000000001"), b"\xff" * 3000):
        with socket.create_connection((host, int(port)), 5) as master:
            master.sendall(rubbish)
            with suppress(ConnectionResetError):  # closed with bytes unread: as good
                assert master.recv(64) == b""
    with tcp_master(lamps) as client:
        assert power(client, 1) < 2
    assert lamps.lines["tcp"].figures.spoilt == 3


def test_requests_in_one_packet_are_all_answered(lamps: Province) -> None:
    host, port = lamps.lines["tcp"].address.split(":")
    with socket.create_connection((host, int(port)), 5) as master:
        master.sendall(bytes.fromhex("000100000006010400000002000200000006010400000002"))
        data = b""
        while len(data) < 26:
            data += master.recv(64)
    assert (data[:2], data[13:15]) == (b"\x00\x01", b"\x00\x02")


def test_noise_on_a_line_does_not_hide_what_follows(lamps: Province) -> None:
    with rtu_master(lamps) as master:
        raw_exchange(lamps.lines["rtu"].address, b"\x00\xffnoise\x01\x04", 1)
        assert power(master, 1) < 2


def test_more_masters_than_a_line_bears_are_turned_away(lamps: Province) -> None:
    host, port = lamps.lines["tcp"].address.split(":")
    masters = [socket.create_connection((host, int(port)), 5) for _ in range(MAX_CONNECTIONS)]
    try:
        masters[-1].sendall(bytes.fromhex("000100000006010400000002"))
        assert masters[-1].recv(64)
        with socket.create_connection((host, int(port)), 5) as one_more:
            one_more.settimeout(5)
            with suppress(ConnectionResetError):
                assert one_more.recv(1) == b""
    finally:
        for master in masters:
            master.close()


def test_a_port_that_is_taken_is_named(tmp_path: Path, clock: SetClock) -> None:
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        lamp = device("sl-000001", "streetlight", {"profile": "eastron_sdm120", "line": "tcp"})
        given = settings(tmp_path, [{"id": "tcp", "kind": "modbus-tcp", "port": port}], [lamp])
        taken = f"line tcp cannot listen at 127.0.0.1:{port}"
        with pytest.raises(LineError, match=taken), serving(given, clock):
            pass


def test_a_link_left_behind_is_replaced_but_a_file_is_not(tmp_path: Path, clock: SetClock) -> None:
    link = tmp_path / "rs485-1"
    link.symlink_to("/dev/pts/987654")
    with serving(lighting(tmp_path), clock):
        assert link.resolve().exists()
    assert not link.is_symlink()
    link.write_text("somebody's file")
    with pytest.raises(LineError, match=f"serial line {link}"), serving(lighting(tmp_path), clock):
        pass
    assert link.read_text() == "somebody's file"


@pytest.mark.parametrize(
    ("instrument", "words"),
    [
        ({"profile": "tuf2000m"}, "needs a WaterMain, not a Lamp"),
        ({"profile": "siemens_mag8000"}, "siemens_mag8000 cannot be simulated on a Modbus line"),
        ({"profile": "nmea_gnss"}, "nmea_gnss cannot be simulated on a Modbus line"),
        ({"profile": "eastron_sdm1200"}, "no profile 'eastron_sdm1200'"),
    ],
)
def test_instruments_that_cannot_be_are_refused(
    tmp_path: Path, clock: SetClock, instrument: dict[str, str], words: str
) -> None:
    lamp = device("sl-000001", "streetlight", {**instrument, "line": "tcp"})
    given: SimSettings = settings(tmp_path, [{"id": "tcp", "kind": "modbus-tcp", "port": 0}], [lamp])
    with pytest.raises(KegaError, match=words):
        Province(given, Library.shipped(), clock)


def test_two_devices_cannot_share_a_meter(tmp_path: Path, clock: SetClock) -> None:
    poles = [
        device(f"sl-00000{each}", "streetlight", {"profile": "eastron_sdm120", "line": "tcp", "unit_id": 1})
        for each in (1, 2)
    ]
    given = settings(tmp_path, [{"id": "tcp", "kind": "modbus-tcp", "port": 0}], poles)
    with pytest.raises(SimError, match="unit 1 serves sl-000001, sl-000002: only boards"):
        Province(given, Library.shipped(), clock)
