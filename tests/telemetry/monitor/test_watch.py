"""The monitor on real brokers, and its command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from telemetry.errors import LinkError
from telemetry.monitor.watch import watching
from telemetry.mqtt import Broker, open_link
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode
from tests.servers import Mosquitto, Nats, free_port, running

KEGA = Path(sys.executable).with_name("kega")


def until(ready: Callable[[], bool], what: str, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def birth(bd_seq: int = 1) -> bytes:
    now = time.time_ns() // 1_000_000
    return encode(
        Payload(
            now,
            (
                Metric("bdSeq", DataType.INT64, bd_seq, now),
                Metric("Node Control/Rebirth", DataType.BOOLEAN, False, now),
                Metric("Spool/Dropped", DataType.INT64, 0, now),
            ),
            seq=0,
        )
    )


def data(seq: int) -> bytes:
    now = time.time_ns() // 1_000_000 + seq
    return encode(Payload(now, (Metric("Spool/Dropped", DataType.INT64, seq, now),), seq=seq))


def publish(broker: Broker, *messages: tuple[str, bytes, int, bool]) -> None:
    async def send() -> None:
        async with open_link(broker, f"test-{time.monotonic_ns()}") as link:
            for topic, payload, qos, retain in messages:
                await link.publish_confirmed(topic, payload, qos=qos, retain=retain)

    asyncio.run(send())


NODE = "spBv1.0/p060/{}/eg-0001"


def test_qos_and_retain_are_seen_as_published(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.url)
    with watching(broker) as monitor:
        publish(
            broker,
            (NODE.format("NBIRTH"), birth(), 0, False),
            (NODE.format("NDATA"), data(1), 0, False),
            (NODE.format("NDATA"), data(2), 1, False),
            (NODE.format("NDATA"), data(3), 2, True),
            (NODE.format("NDATA"), b"", 2, True),
        )
        until(lambda: monitor.engine.messages == 5, "five messages")
    broken = monitor.engine.broken
    assert broken["payloads-ndata-qos"] == 3
    assert broken["payloads-ndata-retain"] == 2
    assert "payloads-nbirth-qos" not in broken


def test_on_a_broker_without_mqtt_5_those_bits_are_not_judged(nats: Nats) -> None:
    broker = Broker(nats.url)
    with watching(broker) as monitor:
        older = Broker(nats.url, protocol=4)
        publish(
            older,
            (NODE.format("NBIRTH"), birth(), 1, False),
            (NODE.format("NDATA"), data(1), 0, False),
            (NODE.format("NDATA"), data(5), 0, False),
        )
        until(lambda: monitor.engine.messages == 3, "three messages")
        assert monitor.broker.protocol == 4
    assert dict(monitor.engine.broken) == {"payloads-ndata-seq-inc": 1}


def test_after_a_broker_was_killed_sessions_are_unknown() -> None:
    with running(Mosquitto) as server:
        broker = Broker(cast("Mosquitto", server).url)
        with watching(broker) as monitor:
            publish(
                broker, (NODE.format("NBIRTH"), birth(), 0, False), (NODE.format("NDATA"), data(1), 0, False)
            )
            until(lambda: monitor.engine.messages == 2, "two messages")
            server.kill()
            until(lambda: not monitor.listening.is_set(), "loss is noticed")
            server.start()
            until(monitor.listening.is_set, "the monitor is back")
            publish(
                broker, (NODE.format("NDATA"), data(9), 0, False), (NODE.format("NDATA"), data(11), 0, False)
            )
            until(lambda: monitor.engine.messages == 4, "four messages")
            assert [violation.seen for violation in monitor.engine.violations] == [
                "seq 11, as if 1 messages were missing"
            ]


def test_a_broker_that_is_not_there_is_told_at_once() -> None:
    with (
        pytest.raises(LinkError, match="cannot be reached"),
        watching(Broker(f"mqtt://127.0.0.1:{free_port()}")),
    ):
        pass


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [KEGA, "monitor", *arguments],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_command_prints_violations_and_ends_with_1(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.url)
    marker = "spBv1.0/p061/XDATA/eg-0009"
    process = start("--broker", mosquitto.url, "--json")
    assert process.stdout is not None
    lines: list[str] = []
    os.set_blocking(process.stdout.fileno(), False)

    def told() -> bool:
        publish(broker, (marker, b"", 0, False))
        lines.extend(process.stdout.readlines() if process.stdout is not None else [])
        return bool(lines)

    until(told, "a violation is printed")
    process.send_signal(signal.SIGINT)
    os.set_blocking(process.stdout.fileno(), True)
    rest, errors = process.communicate(timeout=10)
    assert process.returncode == 1, errors
    first = json.loads(lines[0])
    assert first["rule"] == "topic-structure"
    assert first["topic"] == marker
    summary = json.loads(rest.splitlines()[-1])["summary"]
    assert summary["violations"]["topic-structure"] >= 1
    assert summary["not_visible"] == []


def kega(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KEGA, "monitor", *arguments], check=False, text=True, capture_output=True, timeout=20
    )


def test_command_ends_with_0_where_nothing_was_broken(mosquitto: Mosquitto) -> None:
    result = kega("--broker", mosquitto.url, "--for", "0.3")
    assert result.returncode == 0, result.stderr
    assert "0 violations" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--broker", "mqtt://127.0.0.1:1"], 3, "cannot be reached"),
        ([], 2, "--broker"),
        (["--broker", "mqtt://127.0.0.1:1", "--ignore", "X-NO"], 2, "no such rule"),
    ],
)
def test_command_errors(arguments: list[str], code: int, text: str) -> None:
    result = kega(*arguments)
    assert result.returncode == code
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_rules_are_listed() -> None:
    rules = json.loads(kega("rules", "--json").stdout)
    assert {"id", "same", "level", "meaning", "visible"} == set(rules[0])
    assert any(rule["visible"].startswith("with MQTT 5") for rule in rules)
    assert "X-ACK-4  [own]  visible: yes" in kega("rules").stdout
