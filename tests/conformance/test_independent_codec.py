"""Our codec and an independent one (npm `sparkplug-payload`, by the makers of Sparkplug) read each other."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from telemetry.commands import Command, command_metric, command_of
from telemetry.readings import Quality, Reading, Value, ValueType
from telemetry.sparkplug.metrics import metric_of, reading_of
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, Unsupported, decode, encode

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / "build" / "conformance"
NOW = 1_780_000_000_000

Peer = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture(scope="session")
def peer() -> Peer:
    """The other codec, installed once for each content of the lock file."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.fail("npm is missing. Install it: apt-get install nodejs npm (or run `make servers`)")
    parts = [HERE / name for name in ("package.json", "package-lock.json")]
    folder = CACHE / hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]
    ready = folder / "ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            shutil.copy(part, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, f"`npm ci` in {folder} failed:\n{done.stderr[-2000:]}"
        ready.touch()
    shutil.copy(HERE / "peer.mjs", folder)

    def ask(requests: list[dict[str, Any]]) -> list[Any]:
        done = subprocess.run(
            [node, "peer.mjs"],
            cwd=folder,
            check=True,
            input=json.dumps(requests),
            capture_output=True,
            text=True,
            timeout=60,
        )
        answers: list[Any] = json.loads(done.stdout)
        assert len(answers) == len(requests)
        return answers

    return ask


def a_value(kind: ValueType, chance: random.Random) -> Value:
    match kind:
        case ValueType.BOOLEAN:
            return chance.random() < 0.5
        case ValueType.INT32:
            return chance.choice([0, 2**31 - 1, chance.randrange(2**31)])
        case ValueType.INT64:
            return chance.choice([0, 2**63 - 1, chance.randrange(2**63)])
        case ValueType.DOUBLE:
            return chance.choice([0.0, -1.5, 1e300, chance.uniform(-1e6, 1e6)])
        case ValueType.STRING:
            return chance.choice(["", "Đèn đường", "𝛼"])
        case ValueType.DATETIME:
            return NOW + chance.randrange(10**9)


def a_scan(chance: random.Random) -> tuple[Reading, ...]:
    readings = []
    for number in range(chance.randrange(1, 8)):
        kind = chance.choice(list(ValueType))
        quality = chance.choice(list(Quality))
        value = None if quality is Quality.BAD and chance.random() < 0.5 else a_value(kind, chance)
        reason = "" if quality is Quality.GOOD else "không trả lời"
        readings.append(
            Reading("ws-0001", f"Group/Name {number}", kind, value, NOW + number, quality, reason)
        )
    return tuple(readings)


TYPES = {
    ValueType.BOOLEAN: "Boolean",
    ValueType.INT32: "Int32",
    ValueType.INT64: "Int64",
    ValueType.DOUBLE: "Double",
    ValueType.STRING: "String",
    ValueType.DATETIME: "DateTime",
}


def test_the_other_codec_reads_our_data(peer: Peer) -> None:
    chance = random.Random(5)
    scans = [a_scan(chance) for _ in range(300)]
    sent = [
        encode(
            Payload(
                NOW,
                tuple(metric_of(each, is_historical=n % 2 == 1) for each in scan),
                n % 256,
                f"3f9a62d1:{n}",
            )
        )
        for n, scan in enumerate(scans)
    ]
    answers = peer([{"decode": data.hex()} for data in sent])
    for number, (scan, answer) in enumerate(zip(scans, answers, strict=True)):
        assert (answer["timestamp"], answer["seq"], answer["uuid"]) == (
            NOW,
            number % 256,
            f"3f9a62d1:{number}",
        )
        for reading, metric in zip(scan, answer["metrics"], strict=True):
            assert (metric["name"], metric["type"]) == (reading.metric, TYPES[reading.type])
            assert metric["timestamp"] == reading.time_ms
            assert bool(metric.get("isHistorical")) is (number % 2 == 1)
            if reading.value is None:
                assert metric["value"] is None
            else:
                value = metric["value"]
                whole = isinstance(reading.value, int) and isinstance(value, str)
                assert (int(value) if whole else value) == reading.value
            properties = metric.get("properties", {})
            quality = properties.get("Quality", {"value": 192, "type": "Int32"})
            assert quality == {"value": int(reading.quality.standard), "type": "Int32"}
            finer = {"value": int(reading.quality), "type": "Int32"}
            expected = None if reading.quality is reading.quality.standard else finer
            assert properties.get("QualityDetail") == expected


def test_the_other_codec_reads_our_births_and_commands(peer: Peer) -> None:
    unit = {"engUnit": Property(DataType.STRING, "ug/m3")}
    birth = Payload(NOW, (Metric("Air/PM2 5", DataType.DOUBLE, 12.5, NOW, properties=unit),), 1)
    order = command_metric(Command("v", "Valve/Position", 0, "c-1", NOW + 30_000, "an"), DataType.INT32, NOW)
    read_birth, read_order = peer(
        [{"decode": encode(birth).hex()}, {"decode": encode(Payload(NOW, (order,))).hex()}]
    )
    assert read_birth["metrics"][0]["properties"]["engUnit"] == {"value": "ug/m3", "type": "String"}
    assert "seq" not in read_order
    assert read_order["metrics"][0]["properties"] == {
        "cmdId": {"value": "c-1", "type": "String"},
        "expires": {"value": NOW + 30_000, "type": "DateTime"},
        "issuer": {"value": "an", "type": "String"},
    }


@pytest.mark.parametrize(
    ("name", "value", "stored", "kind"),
    [
        ("Int8", -5, -5.0, ValueType.DOUBLE),
        ("Int16", -300, -300.0, ValueType.DOUBLE),
        ("Int32", -70_000, -70_000, ValueType.INT32),
        ("Int32", 7, 7, ValueType.INT32),
        ("Int64", 2**40, 2**40, ValueType.INT64),
        ("UInt8", 200, 200, ValueType.INT32),
        ("UInt16", 60_000, 60_000, ValueType.INT32),
        ("UInt32", 4_000_000_000, 4_000_000_000, ValueType.INT64),
        ("UInt64", 2**50, 2**50, ValueType.INT64),
        ("Float", 1.5, 1.5, ValueType.DOUBLE),
        ("Double", 230.25, 230.25, ValueType.DOUBLE),
        ("Boolean", True, True, ValueType.BOOLEAN),
        ("String", "Đèn đường", "Đèn đường", ValueType.STRING),
        ("Text", "dài", "dài", ValueType.STRING),
        ("UUID", "a-b", "a-b", ValueType.STRING),
        ("DateTime", NOW, NOW, ValueType.DATETIME),
    ],
)
def test_we_read_what_the_other_codec_encodes(
    peer: Peer, name: str, value: Value, stored: Value, kind: ValueType
) -> None:
    metric = {
        "name": "Any/Point",
        "type": name,
        "value": value,
        "timestamp": NOW - 5,
        "isHistorical": True,
        "properties": {
            "Quality": {"type": "Int32", "value": 500},
            "engUnit": {"type": "String", "value": "V"},
        },
    }
    (data,) = peer([{"encode": {"timestamp": NOW, "seq": 7, "uuid": "3f9a62d1:4", "metrics": [metric]}}])
    payload = decode(bytes.fromhex(data))
    assert (payload.time_ms, payload.seq, payload.uuid) == (NOW, 7, "3f9a62d1:4")
    (received,) = payload.metrics
    assert received.is_historical
    assert received.properties["engUnit"].value == "V"
    reading = reading_of("a", received, NOW)
    assert reading == Reading("a", "Any/Point", kind, stored, NOW - 5, Quality.STALE)
    assert type(reading.value) is type(stored)


def test_we_survive_what_we_do_not_use(peer: Peer) -> None:
    table = {"numOfColumns": 2, "types": ["Double", "String"], "columns": ["a", "b"], "rows": [[1.5, "x"]]}
    pump = {
        "isDefinition": False,
        "templateRef": "Pump",
        "version": "1",
        "parameters": [],
        "metrics": [{"name": "Speed", "type": "Double", "value": 3, "timestamp": NOW}],
    }
    metrics = [
        {"name": "Log/Table", "type": "DataSet", "value": table, "timestamp": NOW},
        {"name": "Pump/1", "type": "Template", "value": pump, "timestamp": NOW},
        {"name": "Air/Temperature", "type": "Double", "value": 30.5, "timestamp": NOW, "alias": 4},
        {"name": "Air/Humidity", "type": "Double", "value": None, "isNull": True, "timestamp": NOW},
    ]
    (data,) = peer([{"encode": {"timestamp": NOW, "seq": 0, "metrics": metrics}}])
    payload = decode(bytes.fromhex(data))
    assert [isinstance(metric.value, Unsupported) for metric in payload.metrics] == [True, True, False, False]
    assert payload.metrics[2].alias == 4
    readings = [reading_of("a", metric, NOW) for metric in payload.metrics]
    assert readings[:2] == [None, None]
    assert [each.value for each in readings[2:] if each is not None] == [30.5, None]


def test_a_command_of_another_tool_is_plain(peer: Peer) -> None:
    metric = {"name": "Lamp/On", "type": "Boolean", "value": True, "timestamp": NOW}
    (data,) = peer([{"encode": {"timestamp": NOW, "metrics": [metric]}}])
    payload = decode(bytes.fromhex(data))
    assert payload.seq is None
    command = command_of("sl-000001", payload.metrics[0], NOW)
    assert (command.id, command.value, command.expires_ms) == (None, True, NOW + 30_000)
