"""Hand-made traffic: a clean session whose every message a test may change before the engine hears it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from telemetry.commands import Command, command_metric
from telemetry.monitor.engine import Engine
from telemetry.monitor.rule import Violation
from telemetry.mqtt import Message
from telemetry.sparkplug.fields import PayloadMessage
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, encode

Change = Callable[[Any], object]
START_MS = 1_780_000_000_000


def unchanged(_: Any) -> None:
    """No change."""


def double(name: str, value: float, time_ms: int | None, **more: Any) -> Metric:
    """A Double."""
    return Metric(name, DataType.DOUBLE, value, time_ms, **more)


class Scene:
    """One gateway with one device and one host, and the engine that listens."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or Engine(host_id="kega-host")
        self.now = START_MS
        self.seq = 0
        self.value = 20.0
        self.found: list[Violation] = []

    # What is heard

    def hear(
        self, topic: str, body: bytes, *, qos: int = 0, retain: bool = False, after_ms: int = 1000
    ) -> None:
        self.now += after_ms
        self.found += self.engine.observe(Message(topic, body, qos, retain), self.now)

    def say(
        self,
        verb: str,
        metrics: tuple[Metric, ...],
        *,
        area: str = "p060",
        gateway: str = "eg-0001",
        device: str | None = None,
        change: Change = unchanged,
        seq: int | None = None,
        uuid: str | None = None,
        qos: int = 0,
        retain: bool = False,
        time_ms: int | None = None,
        after_ms: int = 1000,
    ) -> None:
        sent_ms = self.now + after_ms - 5 if time_ms is None else time_ms
        message = PayloadMessage.FromString(encode(Payload(sent_ms, metrics, seq, uuid)))
        change(message)
        topic = f"spBv1.0/{area}/{verb}/{gateway}" + (f"/{device}" if device else "")
        self.hear(topic, message.SerializeToString(), qos=qos, retain=retain, after_ms=after_ms)

    def take_seq(self) -> int:
        number = self.seq
        self.seq = (number + 1) % 256
        return number

    # The parts of a clean session

    def state(
        self,
        *,
        online: bool = True,
        timestamp: int = START_MS,
        qos: int = 1,
        retain: bool = True,
        host: str = "kega-host",
        body: bytes | None = None,
    ) -> None:
        text = json.dumps({"online": online, "timestamp": timestamp}).encode()
        self.hear(f"spBv1.0/STATE/{host}", text if body is None else body, qos=qos, retain=retain)

    def nbirth(self, bd_seq: int = 7, **options: Any) -> None:
        self.seq = 0
        now = self.now
        metrics = (
            Metric("bdSeq", DataType.INT64, bd_seq, now),
            Metric("Node Control/Rebirth", DataType.BOOLEAN, False, now),
            Metric("Spool/Epoch", DataType.STRING, "3f9a62d1", now),
            Metric("Spool/Ack", DataType.STRING, "", now),
            Metric("Spool/Depth", DataType.INT64, 0, now),
            Metric("Spool/Dropped", DataType.INT64, 0, now),
        )
        self.say("NBIRTH", metrics, seq=self.take_seq(), **options)

    def ndata(self, **options: Any) -> None:
        self.value += 1
        metrics = (
            Metric("Spool/Depth", DataType.INT64, int(self.value), self.now),
            Metric("Spool/Dropped", DataType.INT64, 0, self.now),
        )
        self.say("NDATA", metrics, seq=self.take_seq(), **options)

    def ndeath(self, bd_seq: int = 7, **options: Any) -> None:
        self.say("NDEATH", (Metric("bdSeq", DataType.INT64, bd_seq, self.now),), qos=1, **options)

    def dbirth(self, device: str = "ws-0001", **options: Any) -> None:
        stale = {"Quality": Property(DataType.INT32, 500)}
        unit = {"engUnit": Property(DataType.STRING, "Cel")}
        metrics = (
            double("Air/Temperature", 20.0, self.now - 3_600_000, properties=unit),
            Metric("Air/Humidity", DataType.DOUBLE, None, self.now, is_null=True, properties=stale),
            Metric("Valve/Position", DataType.INT32, 1, self.now),
            Metric("Command/Last Id", DataType.STRING, "", self.now),
            Metric("Command/Status", DataType.INT32, 0, self.now),
            Metric("Command/Error", DataType.STRING, "", self.now),
        )
        self.say("DBIRTH", metrics, device=device, seq=self.take_seq(), **options)

    def ddata(self, batch: int = 1, device: str = "ws-0001", **options: Any) -> None:
        self.value += 1
        options.setdefault("uuid", f"3f9a62d1:{batch}")
        metrics = (double("Air/Temperature", self.value, self.now), double("Air/Humidity", 60.0, self.now))
        self.say("DDATA", metrics, device=device, seq=self.take_seq(), **options)

    def ddeath(self, device: str = "ws-0001", **options: Any) -> None:
        self.say("DDEATH", (), device=device, seq=self.take_seq(), **options)

    def result(
        self, status: int = 2, *, batch: int = 50, change: Change = unchanged, id_: str = "c-1"
    ) -> None:
        metrics = (
            Metric("Command/Last Id", DataType.STRING, id_, self.now),
            Metric("Command/Status", DataType.INT32, status, self.now),
            Metric("Command/Error", DataType.STRING, "", self.now),
        )
        self.say(
            "DDATA", metrics, device="ws-0001", seq=self.take_seq(), uuid=f"3f9a62d1:{batch}", change=change
        )

    def ack(self, text: str = "3f9a62d1:1-3", **options: Any) -> None:
        self.say("NCMD", (Metric("Spool/Ack", DataType.STRING, text, self.now),), **options)

    def rebirth(self, **options: Any) -> None:
        self.say("NCMD", (Metric("Node Control/Rebirth", DataType.BOOLEAN, True, self.now),), **options)

    def command(self, *, expires_in_ms: int = 30_000, **options: Any) -> None:
        order = Command("ws-0001", "Valve/Position", 0, "c-1", self.now + expires_in_ms, "an")
        self.say("DCMD", (command_metric(order, DataType.INT32, self.now),), device="ws-0001", **options)

    def begin(self) -> None:
        """Host, node and device are there."""
        self.state()
        self.nbirth()
        self.dbirth()

    def begin_with(self, kind: str, change: Change) -> None:
        """As `begin`, with one message changed."""
        self.state()
        self.nbirth(change=change if kind == "NBIRTH" else unchanged)
        self.dbirth(change=change if kind == "DBIRTH" else unchanged)

    def broken(self) -> set[str]:
        """Ids of the rules that were broken."""
        return {violation.rule.id for violation in self.found}


def clean_day(scene: Scene) -> None:
    """Everything that may happen without breaking a rule."""
    scene.begin()
    for batch in range(1, 4):
        scene.ddata(batch)
    lost = scene.now
    scene.ddata(4)
    value = scene.value
    scene.ack("3f9a62d1:1-3")
    scene.ndata()
    scene.say(
        "DDATA",
        (
            double("Air/Temperature", value, lost, is_historical=True),
            double("Air/Humidity", 60.0, lost, is_historical=True),
        ),
        device="ws-0001",
        seq=scene.take_seq(),
        uuid="3f9a62d1:4",
    )
    scene.command()
    scene.result(1, batch=5)
    scene.result(2, batch=6)
    scene.ddeath()
    scene.dbirth()
    scene.rebirth()
    scene.nbirth()
    scene.dbirth()
    for batch in range(10, 300):  # seq runs past 255
        scene.ddata(batch)
    scene.ndeath()
    scene.ndeath()
    scene.nbirth(8)
    scene.dbirth()
    scene.ddata(300)
    scene.nbirth(9)  # a new connection before the old one's will
    scene.ndeath(8)
    scene.dbirth()
    scene.ddata(301)
    scene.state(online=False)
    scene.state(timestamp=scene.now)
    scene.state(online=False, timestamp=scene.now)
