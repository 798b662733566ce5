"""The session as a state machine: whatever happens in whatever order, the monitor finds no broken rule."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.spool.batches import Priority, SpooledBatch, encode_batch
from edge.spool.figures import SpoolFigures
from edge.uplink.definitions import GatewayDefinition
from edge.uplink.session import FLUSH_IDLE_S, Devices, Outgoing, Phase, Session
from telemetry.monitor.engine import Engine
from telemetry.mqtt import Message
from telemetry.readings import Batch, Reading, ValueType
from telemetry.sparkplug.payload import decode
from telemetry.sparkplug.topics import Topic, Verb, parse_topic
from tests.edge.uplink.gateway import LAMP, POWER, device_definition
from tests.edge.uplink.host import AREA, GATEWAY

CONFIGURED = ("sl-000001", "sl-000002", "sl-000003")
REMOVED = "sl-000009"
EPOCH = "0123456789abcdef"
_BIRTH_GAP_MS = 60


class SessionMachine(RuleBasedStateMachine):
    """Devices come and go, batches are committed and replayed, rebirths are asked for, connections end."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_760_000_000_000
        self.engine = Engine(sees_publish_bits=False)
        configured = {device: device_definition(device) for device in CONFIGURED}
        self.devices = Devices(GatewayDefinition(AREA, GATEWAY, configured, "0.1.0"))
        self.devices.identities = {REMOVED: device_definition(REMOVED).identity()}
        self.number = 0
        self.bd_seq = 0
        self.spooled: list[SpooledBatch] = []
        self.session = Session(self.devices, self.bd_seq)

    def _send(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self.now_ms += 1
            self.engine.observe(
                Message(message.topic, message.payload, message.qos, retain=False), self.now_ms
            )

    @property
    def _figures(self) -> SpoolFigures:
        return SpoolFigures(EPOCH, len(self.spooled), 0, None, 0, 0, 0, 0, self.number)

    def _batch(self, device: str, metrics: list[tuple[str, ValueType, object]]) -> SpooledBatch:
        self.now_ms += 1
        self.number += 1
        readings = tuple(Reading(device, name, kind, value, self.now_ms) for name, kind, value in metrics)  # type: ignore[arg-type]
        new = encode_batch(Batch(device, readings))
        return SpooledBatch(self.number, device, new.time_ms, new.readings, new.metrics, Priority.ORDINARY)

    @precondition(lambda self: self.session.phase is Phase.CONNECTED)
    @rule()
    def begin(self) -> None:
        self.session.begin()

    @rule(device=st.sampled_from(CONFIGURED))
    def up(self, device: str) -> None:
        self.devices.alive.add(device)
        self.session.device_up(device)

    @rule(device=st.sampled_from(CONFIGURED))
    def down(self, device: str) -> None:
        self.devices.alive.discard(device)
        self._send(self.session.device_down(device, self.now_ms))

    @rule(many=st.integers(1, 6))
    def births(self, many: int) -> None:
        for _ in range(many):
            self.now_ms += _BIRTH_GAP_MS
            self._send(self.session.next_birth(self._figures, self.now_ms))

    @rule(device=st.sampled_from(CONFIGURED), watts=st.floats(0, 500), extra=st.booleans())
    def measure(self, device: str, watts: float, extra: bool) -> None:
        metrics: list[tuple[str, ValueType, object]] = [
            (POWER.metric, POWER.type, watts),
            (LAMP.metric, LAMP.type, watts > 1),
        ]
        if extra:
            metrics.append(("Old/Metric", ValueType.STRING, "from a former configuration"))
        batch = self._batch(device, metrics)
        self.spooled.append(batch)
        self._send(self.session.live(batch, EPOCH, self.now_ms + 1))
        self.devices.known.learn(batch)

    @rule()
    def leftover_of_a_removed_device(self) -> None:
        self.spooled.append(self._batch(REMOVED, [("Power/Active", ValueType.DOUBLE, 1.0)]))

    @precondition(lambda self: self.spooled)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.spooled))
        if self.session.phase is not Phase.ONLINE:
            return
        self.now_ms += _BIRTH_GAP_MS
        now = self.now_ms / 1000
        if self.session.needs_birth(batch):
            self._send(self.session.replay_birth(batch, self.now_ms, now))
        messages = self.session.replay(batch, EPOCH, self.now_ms + 2, now)
        self._send(messages)
        (message,) = messages
        again = decode(message.payload)
        assert [(m.name, m.value, m.time_ms) for m in again.metrics] == [
            (m.name, m.value, m.time_ms) for m in decode(batch.metrics).metrics
        ]
        assert all(metric.is_historical for metric in again.metrics)

    @rule(seconds=st.sampled_from([1.0, FLUSH_IDLE_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self._send(self.session.end_flushes(self.now_ms, self.now_ms / 1000))

    @rule()
    def rebirth(self) -> None:
        self.session.rebirth()

    @rule()
    def report(self) -> None:
        self.now_ms += 1
        self._send(self.session.node_data(self._figures, self.now_ms))

    @rule(gracefully=st.booleans())
    def reconnect(self, gracefully: bool) -> None:
        self.now_ms += 5
        if gracefully:
            self._send(self.session.end(self.now_ms))
        else:
            self._send([self.session.will(self.now_ms)])
        self.bd_seq = (self.bd_seq + 1) % 256
        self.now_ms += 2000
        self.session = Session(self.devices, self.bd_seq)

    @invariant()
    def no_rule_is_broken(self) -> None:
        assert [str(violation) for violation in self.engine.violations] == []


TestSessionMachine = SessionMachine.TestCase
TestSessionMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_data_waits_until_all_births_are_out() -> None:
    devices = Devices(
        GatewayDefinition(AREA, GATEWAY, {device: device_definition(device) for device in CONFIGURED})
    )
    devices.alive.update(CONFIGURED)
    session = Session(devices, 7)
    session.begin()
    figures = SpoolFigures(EPOCH, 0, 0, None, 0, 0, 0, 0, 0)
    reading = Reading(CONFIGURED[0], POWER.metric, POWER.type, 1.0, 1_760_000_000_000)
    new = encode_batch(Batch(CONFIGURED[0], (reading,)))
    batch = SpooledBatch(1, CONFIGURED[0], new.time_ms, 1, new.metrics, Priority.ORDINARY)
    verbs = []
    while session.awaits_births:
        assert session.live(batch, EPOCH, 1) == []
        for message in session.next_birth(figures, 1_760_000_000_001):
            topic = parse_topic(message.topic)
            assert isinstance(topic, Topic)
            verbs.append(topic.verb)
    assert verbs == [Verb.NBIRTH, Verb.DBIRTH, Verb.DBIRTH, Verb.DBIRTH]
    (data,) = session.live(batch, EPOCH, 1_760_000_000_002)
    assert decode(data.payload).seq == 4
    assert decode(data.payload).uuid == f"{EPOCH}:1"


def test_sequence_wraps_and_will_carries_the_connection_number() -> None:
    devices = Devices(GatewayDefinition(AREA, GATEWAY, {}))
    session = Session(devices, 255)
    session.begin()
    figures = SpoolFigures(EPOCH, 0, 0, None, 0, 0, 0, 0, 0)
    assert decode(session.will(1).payload).metrics[0].value == 255
    (birth,) = session.next_birth(figures, 1000)
    assert decode(birth.payload).seq == 0
    numbers = [decode(session.node_data(figures, 1000 + n)[0].payload).seq for n in range(256)]
    assert numbers == [*range(1, 256), 0]
