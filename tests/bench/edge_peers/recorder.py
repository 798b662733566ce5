"""The other end of the broker: takes what the gateways publish, and plays the host that they need.

For kega that is an ingest worker that acknowledges batches; for ThingsBoard's gateway the platform that tells
it its limits. What arrives is compared with what the simulator put into its registers.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from telemetry.sparkplug.ack import ACK_METRIC, make_ack, parse_batch_id
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode, parse
from telemetry.sparkplug.topics import Topic, Verb, parse_topic
from tests.bench.edge_peers.load import Sample
from tests.bench.edge_peers.simulator import MODULUS, value_of

ACKNOWLEDGE_EVERY_S: Final = 0.1
THINGSBOARD_TELEMETRY: Final = "v1/gateway/telemetry"
_THINGSBOARD_ASKS: Final = ("v1/devices/me/rpc/request/+", "v1/devices/me/attributes/request/+")
_NO_LIMITS: Final = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 100,
    "rateLimits": {},
    "gatewayRateLimits": {},
}


@dataclass
class Arrivals:
    """What has come since the last `begin`."""

    values: int = 0
    wrong: int = 0
    latencies_ms: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    """Every sample in order of arrival, its number modulo 65536, its time as the gateway gives it."""
    last_at: float = 0.0
    """Monotonic time of the last arrival."""

    def missing(self, served: list[Sample]) -> list[Sample]:
        """Those of `served` that no store would hold: never came, or replaced under the same time."""
        kept = {(each.unit, each.time_ms): each.number for each in self.samples}
        stored = {(unit, number) for (unit, _), number in kept.items()}
        return [each for each in served if (each.unit, each.number % MODULUS) not in stored]


class Recorder:
    """A client of the broker in a thread of its own; comes back by itself when the broker does."""

    def __init__(self, port: int) -> None:
        self.arrivals = Arrivals()
        self._lock = threading.Lock()
        self._stored: dict[tuple[str, str, str], set[int]] = {}
        self._ended = threading.Event()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="recorder")
        self._client.on_connect = self._connected
        self._client.on_message = self._arrived
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._acknowledging = threading.Thread(target=self._acknowledge, daemon=True)
        self._acknowledging.start()
        assert self._ready.wait(10), "the broker does not answer"

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._acknowledging.join(5)
        self._client.disconnect()
        self._client.loop_stop()

    def begin(self) -> None:
        """Forget what came so far."""
        with self._lock:
            self.arrivals = Arrivals()

    def end(self) -> Arrivals:
        """What came since `begin`; nothing more is added to it."""
        with self._lock:
            arrivals, self.arrivals = self.arrivals, Arrivals()
        return arrivals

    def wait_for_silence(self, seconds: float, at_most_s: float) -> None:
        """Return when nothing has come for `seconds`, or after `at_most_s`."""
        began = time.monotonic()
        while time.monotonic() < began + at_most_s:
            if time.monotonic() - max(self.arrivals.last_at, began) >= seconds:
                return
            time.sleep(0.1)

    def _connected(self, client: paho.Client, *_: Any) -> None:
        topics = ("spBv1.0/+/DDATA/#", THINGSBOARD_TELEMETRY, *_THINGSBOARD_ASKS)
        client.subscribe([(topic, 1) for topic in topics])

    def _arrived(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        now_ms = round(time.time() * 1000)
        if message.topic.startswith("spBv1.0/"):
            self._of_kega(message.topic, message.payload, now_ms)
        elif message.topic == THINGSBOARD_TELEMETRY:
            self._of_thingsboard(message.payload, now_ms)
        else:
            answer = _NO_LIMITS if "/rpc/" in message.topic else {}
            client.publish(message.topic.replace("/request/", "/response/"), json.dumps(answer), 1)

    def _of_kega(self, topic_text: str, payload: bytes | bytearray, now_ms: int) -> None:
        topic = parse_topic(topic_text)
        assert isinstance(topic, Topic)
        assert topic.device is not None
        message = parse(bytes(payload))
        registers = {int(each.name.rpartition(" ")[2]): int(each.double_value) for each in message.metrics}
        self._take(topic.device, registers, message.metrics[0].timestamp, now_ms)
        batch = parse_batch_id(message.uuid)
        if batch is not None:
            with self._lock:
                numbers = self._stored.setdefault((topic.area, topic.gateway, batch.epoch), set())
                numbers.add(batch.number)

    def _of_thingsboard(self, payload: bytes | bytearray, now_ms: int) -> None:
        for device, entries in json.loads(payload).items():
            for entry in entries:
                registers = {int(key.rpartition("_")[2]): value for key, value in entry["values"].items()}
                self._take(device, registers, entry["ts"], now_ms)

    def _take(self, device: str, registers: dict[int, int], time_ms: int, now_ms: int) -> None:
        with self._lock:
            came = self.arrivals
            came.last_at = time.monotonic()
            came.values += len(registers)
            number = registers.get(0)
            if number is None:
                return
            came.samples.append(Sample(int(device.rpartition("-")[2]), number, time_ms))
            came.wrong += sum(
                value != value_of(register, number) for register, value in registers.items() if register > 1
            )
            if 1 in registers:
                came.latencies_ms.append((now_ms - registers[1]) % MODULUS)

    def _acknowledge(self) -> None:
        """Say what is stored, as an ingest worker does after each of its commits."""
        while not self._ended.wait(ACKNOWLEDGE_EVERY_S):
            with self._lock:
                stored, self._stored = self._stored, {}
            for (area, gateway, epoch), numbers in stored.items():
                metric = Metric(ACK_METRIC, DataType.STRING, str(make_ack(epoch, numbers)))
                payload = encode(Payload(round(time.time() * 1000), (metric,)))
                self._client.publish(str(Topic(area, Verb.NCMD, gateway)), payload)
