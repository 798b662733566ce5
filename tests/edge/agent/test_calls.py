"""A tracker and the whole agent: what was acknowledged is in the spool, whenever power goes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import yaml

from tests.edge.agent.process import AgentProcess, kega
from tests.edge.drivers.test_teltonika import IMEI, LOGIN, START_MS, packet, record
from tests.servers import free_port

TRUCK = "tr-000001"


def write_depot(folder: Path, port: int) -> Path:
    """A gateway whose only instrument is a tracker, and whose broker is away."""
    instrument = {"profile": "teltonika_codec8", "bus": "trackers", "options": {"imei": IMEI}}
    content = {
        "gateway": "eg-0001",
        "area": "p060",
        "broker": {"url": f"mqtt://127.0.0.1:{free_port()}"},
        "state_dir": "state",
        "buses": [{"id": "trackers", "kind": "tcp-server", "host": "127.0.0.1", "port": port}],
        "devices": [{"id": TRUCK, "class": "truck", "instruments": [instrument]}],
    }
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def called(port: int, data: bytes) -> int:
    """What a call with one packet was answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as tracker:
        tracker.sendall(LOGIN)
        assert tracker.recv(1) == b"\x01"
        tracker.sendall(data)
        answer = b""
        while len(answer) < 4:
            piece = tracker.recv(4 - len(answer))
            assert piece, "the gateway hung up"
            answer += piece
    return int.from_bytes(answer, "big")


def stored(config: Path) -> list[dict[str, Any]]:
    code, out, err = kega("edge", "spool", "export", "--config", str(config))
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_acknowledged_records_survive_kill_and_are_stored_once(tmp_path: Path) -> None:
    port = free_port()
    config = write_depot(tmp_path, port)
    data = packet(record(START_MS), record(START_MS + 60_000))
    for _ in range(2):
        agent = AgentProcess(config)
        try:
            agent.until_event("bus-open")
            assert called(port, data) == 2
        finally:
            agent.kill()
        (tmp_path / "gateway.log").unlink()
    speeds = [each for each in stored(config) if each.get("metric") == "Position/Speed"]
    assert sorted(each["time_ms"] for each in speeds) == [START_MS, START_MS + 60_000]
