"""`kega edge read`, `watch` and `config check` as processes, against units on real lines."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.drivers.modbus.frames import Framing, wrap
from tests.edge.bus.raw_device import RawDevice, on_pty, on_tcp
from tests.edge.bus.test_modbus_bus import METER
from tests.edge.bus.test_stream_bus import line, plantower

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The loop that serves the units."""
    return "asyncio"


async def kega(*arguments: str) -> tuple[int, str, str]:
    """Run the command; gives exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "telemetry", "edge", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_meter_is_read_by_tcp_and_by_serial_line() -> None:
    device = RawDevice({5}, registers=METER)
    async with on_tcp(device) as port, on_pty(device) as tty_name:
        for place in (["--tcp", f"127.0.0.1:{port}"], ["--port", tty_name, "--baud", "115200"]):
            code, out, err = await kega(
                "read", "--profile", "eastron_sdm120", *place, "--unit", "5", "voltage", "--json"
            )
            assert code == 0, err
            (answer,) = lines(out)
            assert answer["points"] == {"voltage": 230.2}
            assert answer["readings"][0]["canonical"]["metric"] == "Power/Voltage"
            assert answer["frames"][0]["request"]
        code, out, err = await kega(
            "read",
            "--profile",
            "eastron_sdm120",
            "--tcp",
            f"127.0.0.1:{port}",
            "--unit",
            "5",
            "voltage",
            "-v",
        )
        assert code == 0, err
        assert "230.2 V" in out
        assert "43 66 33 33" in out


async def test_points_that_a_model_lacks_do_not_hide_the_others() -> None:
    device = RawDevice({1}, registers=METER, illegal={0x46, 0x47, *range(0x100, 0x10000)})
    async with on_tcp(device) as port:
        code, out, _ = await kega(
            "read", "--profile", "eastron_sdm120", "--tcp", f"127.0.0.1:{port}", "--json"
        )
    assert code == 1
    readings = {each["key"]: each for each in lines(out)[0]["readings"]}
    assert readings["voltage"]["value"] == 230.2
    assert readings["import_energy"]["quality"] == "good"
    assert readings["frequency"]["quality"] == "bad"
    assert "illegal data address" in readings["frequency"]["reason"]


async def test_device_of_a_configuration_is_read_and_watched(tmp_path: Path) -> None:
    device = RawDevice({1, 10}, registers=METER, coils={2: True})
    async with on_tcp(device) as port:
        file = tmp_path / "gateway.yaml"
        file.write_text(
            yaml.safe_dump(
                {
                    "gateway": "eg-0001", "area": "p060", "state_dir": "var",
                    "broker": {"url": "mqtt://127.0.0.1"},
                    "buses": [{"id": "cabinet", "kind": "modbus-tcp", "host": "127.0.0.1", "port": port}],
                    "devices": [{
                        "id": "sl-000001", "class": "streetlight", "instruments": [
                            {"profile": "eastron_sdm120", "bus": "cabinet", "unit_id": 1},
                            {"profile": "waveshare_relay8", "bus": "cabinet", "unit_id": 10,
                             "map": {"relay_1": None, "relay_3": "Lamp/On"}},
                        ],
                    }],
                }
            ),
            encoding="utf-8",
        )  # fmt: skip
        code, out, err = await kega("config", "check", str(file), "--json")
        assert code == 0, err
        assert json.loads(out)["summary"]["devices"] == 1
        where = ["--config", str(file), "--device", "sl-000001"]
        code, out, err = await kega("read", *where, "Lamp/On", "Power/Voltage", "--json")
        assert code == 0, err
        meter, relay = lines(out)
        assert meter["points"] == {"voltage": 230.2}
        assert relay["points"] == {"relay_3": True}
        assert relay["readings"][0]["canonical"] == {
            "metric": "Lamp/On", "value": True, "unit": "1", "quality": "good", "reason": "",
        }  # fmt: skip
        watched = ["watch", *where, "Lamp/On", "--every", "0.05", "--count", "3"]
        code, out, err = await kega(*watched, "--json")
        assert code == 0, err
        assert [each["points"] for each in lines(out)] == [{"relay_3": True}] * 3
        code, out, err = await kega("watch", *where, "Power/Voltage", "--count", "1")
        assert code == 0, err
        assert "230.2 V" in out
        device.units.discard(10)
        code, out, _ = await kega(*watched[:-1], "1", "--json")
        assert code == 0
        assert lines(out)[0]["kind"] == "timeout"
        assert (await kega("read", "--config", str(file), "--device", "sl-000009"))[0] == 1


async def test_sensor_that_talks_by_itself_is_read() -> None:
    async with line() as (port, say, _):
        talking = asyncio.create_task(_keep_talking(say))
        code, out, err = await kega(
            "read", "--profile", "plantower_pms5003", "--port", port, "pm25", "--json"
        )
        talking.cancel()
    assert code == 0, err
    assert lines(out)[0]["points"] == {"pm25": 18}


async def _keep_talking(say: Any) -> None:
    while True:
        say(plantower(18))
        await asyncio.sleep(0.1)


async def test_exit_codes_tell_what_happened() -> None:
    silent = RawDevice(set())
    damaged = RawDevice({1})
    damaged.fault = lambda request, frame: [(0.0, wrap(9, frame[1:-2], Framing.RTU))]
    async with on_tcp(silent) as port, on_pty(damaged) as tty_name:
        meter = ["read", "--profile", "eastron_sdm120"]
        for expected, arguments, says in (
            (3, [*meter, "--tcp", f"127.0.0.1:{port}", "--timeout", "0.1"], "no answer"),
            (3, [*meter, "--tcp", "127.0.0.1:1"], "cannot connect"),
            (3, [*meter, "--port", "/dev/ttyNOSUCH"], "does not exist"),
            (1, [*meter, "--port", tty_name, "voltage"], "unit 9 answered"),
            (2, meter, "say what to read"),
            (2, [*meter, "--tcp", "x:y"], "HOST:PORT"),
            (2, [*meter, "--tcp", f"127.0.0.1:{port}", "volts"], "no point 'volts'"),
            (1, ["read", "--profile", "no_such", "--tcp", "127.0.0.1:1"], "no profile"),
            (2, ["read", "--profile", "nmea_gnss", "--tcp", "127.0.0.1:1"], "give --port"),
        ):
            code, out, err = await kega(*arguments)
            assert code == expected, (arguments, out, err)
            assert says in err
            assert "Traceback" not in err


async def test_config_check_names_every_problem_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "gateway: eg-0001\narea: p060\nbroker: {url: 'mqtt://x'}\nstate_dir: var\n"
        "devices:\n  - id: sl-000001\n    class: lamp\n    instruments:\n"
        "      - {profile: eastron_sdm120, bus: nowhere}\n",
        encoding="utf-8",
    )
    code, out, _ = await kega("config", "check", str(file))
    assert code == 1
    assert f"{file}:7: devices.0.class: 'lamp' is none of" in out
    assert f"{file}:9: devices.0.instruments.0.bus: no bus 'nowhere'" in out
    code, out, _ = await kega("config", "check", str(file), "--json")
    assert code == 1
    assert [problem["line"] for problem in json.loads(out)["problems"]] == [7, 9]
