"""`kega edge plan`: what lines will have to carry, in text and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from edge.bus.learned import Refusal
from edge.bus.learned_file import LearnedFile
from edge.cli.plan import plan
from edge.decoding.binding import load_gateway
from telemetry.devices.library import Library


def configuration(folder: Path, every_s: float, *, baud: int = 9600, meters: int = 10) -> Path:
    """A gateway with meters on a serial line and one behind a network."""
    devices = [
        {
            "id": f"sl-{number:06d}",
            "class": "streetlight",
            "instruments": [
                {"profile": "eastron_sdm120", "bus": "rs485-1", "unit_id": number, "every_s": every_s}
            ],
        }
        for number in range(1, meters + 1)
    ]
    relay = {"profile": "waveshare_relay8", "bus": "cabinet", "unit_id": 1}
    devices.append({"id": "sl-000900", "class": "streetlight", "instruments": [relay]})
    file = folder / "gateway.yaml"
    content = {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"url": "mqtt://127.0.0.1"},
        "state_dir": "state",
        "buses": [
            {"id": "rs485-1", "kind": "modbus-rtu", "port": "/dev/ttyUSB0", "baud": baud},
            {"id": "cabinet", "kind": "modbus-tcp", "host": "10.0.0.1"},
        ],
        "devices": devices,
    }
    file.write_text(yaml.safe_dump(content))
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(plan, list(arguments))


def buses(file: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    result = run("--config", str(file), "--json", *arguments)
    return {bus["id"]: bus for bus in json.loads(result.output)["buses"]}


def test_too_much_is_said_before_anything_runs(tmp_path: Path) -> None:
    file = configuration(tmp_path, 1.0)
    result = run("--config", str(file))
    assert result.exit_code == 1
    assert "cannot be kept" in result.output
    assert "115200 baud" in result.output
    bus = buses(file)["rs485-1"]
    assert not bus["fits"]
    ms = sum(block["ms"] for job in bus["jobs"] for block in job["blocks"])
    assert bus["utilisation"] == pytest.approx(ms / 1000, rel=0.01)
    assert bus["shortest_period_s"] == pytest.approx(ms / 1000 / 0.95, rel=0.01)
    quicker = [remedy["utilisation"] for remedy in bus["remedies"] if "baud" in remedy["what"]]
    assert quicker == sorted(quicker, reverse=True)
    longer = next(remedy for remedy in bus["remedies"] if "period" in remedy["what"])
    assert longer["utilisation"] == pytest.approx(0.95)


def test_what_fits_ends_well_and_the_shortest_period_does_too(tmp_path: Path) -> None:
    file = configuration(tmp_path, 10.0)
    assert run("--config", str(file)).exit_code == 0
    shortest = buses(file)["rs485-1"]["shortest_period_s"]
    assert run("--config", str(configuration(tmp_path, shortest * 1.001))).exit_code == 0
    assert run("--config", str(configuration(tmp_path, shortest * 0.9))).exit_code == 1


def test_bytes_and_times_follow_the_standard(tmp_path: Path) -> None:
    bus = buses(configuration(tmp_path, 10.0, meters=1), "--turnaround", "0")
    block = bus["rs485-1"]["jobs"][0]["blocks"][0]
    assert (block["bytes_out"], block["bytes_in"]) == (8, 5 + 2 * block["count"])
    characters = 8 + 5 + 2 * block["count"]
    assert block["ms"] == pytest.approx(1000 * 10 / 9600 * (characters + 7), rel=0.01)
    relay = bus["cabinet"]["jobs"][0]["blocks"][0]
    assert (relay["bytes_out"], relay["bytes_in"]) == (12, 10)


def test_reasons_name_holes_limits_and_forbidden_addresses(tmp_path: Path) -> None:
    result = run("--config", str(configuration(tmp_path, 10.0, meters=1)), "--explain")
    assert "read along: reading them costs" in result.output
    assert "the instrument bears 40" in result.output
    assert "not measured yet" in result.output


def test_what_the_agent_learned_counts(tmp_path: Path) -> None:
    file = configuration(tmp_path, 10.0, meters=1)
    gateway = load_gateway(file, Library.shipped())
    folder = gateway.config.state_dir
    folder.mkdir()
    kept = LearnedFile(folder / "learned.json")
    learned = kept.unit("rs485-1", 1, [gateway.devices[0].instruments[0].profile])
    later = kept.now_ms() + 3_600_000
    learned._refusals[4, 70, 71, False] = Refusal(4, 70, 71, False, 3, later)
    learned.turnaround_s = 0.2
    (folder / "learned.json").write_text(
        json.dumps({"form": 1, "units": {name: each.to_json() for name, each in kept._units.items()}})
    )
    job = buses(file)["rs485-1"]["jobs"][0]
    assert job["turnaround_ms"] == 200
    assert job["refused"] == ["frequency"]
    assert all(block["ms"] > 200 for block in job["blocks"])


def test_wrong_configuration_is_no_plan(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("gateway: x")
    assert run("--config", str(file)).exit_code != 0
