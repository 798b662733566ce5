"""For every rule of the monitor one way to break it on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telemetry.sparkplug.payload import DataType, Metric, Property
from tests.telemetry.monitor.scene import START_MS, Scene, double

Break = Callable[[Scene], object]


def by(**fields: Any) -> Callable[[Any], object]:
    """Set fields of the first metric."""

    def change(message: Any) -> None:
        for name, value in fields.items():
            setattr(message.metrics[0], name, value)

    return change


def without(*fields: str) -> Callable[[Any], object]:
    """Clear fields of the payload, or with a dot before them of its first metric."""

    def change(message: Any) -> None:
        for name in fields:
            target = message.metrics[0] if name.startswith(".") else message
            target.ClearField(name.lstrip("."))

    return change


def started(then: Break) -> Break:
    """Break after a clean begin."""

    def run(scene: Scene) -> None:
        scene.begin()
        scene.ddata(1)
        then(scene)

    return run


def skip_seq(scene: Scene) -> Scene:
    """Lose a message."""
    scene.take_seq()
    return scene


def garbage(verb: str, device: str = "") -> Break:
    topic = f"spBv1.0/p060/{verb}/eg-0001" + (f"/{device}" if device else "")
    return lambda scene: scene.hear(topic, b"\xff\xff\xff", qos=1 if verb == "NDEATH" else 0)


def quality(*, type_code: int = 3, code: int = 192, as_long: bool = False) -> Callable[[Any], object]:
    """A Quality property on the first metric."""

    def change(message: Any) -> None:
        properties = message.metrics[0].properties
        properties.keys.append("Quality")
        if as_long:
            properties.values.add(type=type_code, long_value=code)
        else:
            properties.values.add(type=type_code, int_value=code)

    return change


def untyped_property(message: Any) -> None:
    message.metrics[0].properties.keys.append("note")
    message.metrics[0].properties.values.add(string_value="x")


def lone_key(message: Any) -> None:
    message.metrics[0].properties.keys.append("note")


def data_set(
    columns: int = 2, names: int = 2, types: tuple[int, ...] = (10, 12), cells: int = 2, empty: bool = False
) -> Callable[[Any], object]:
    def change(message: Any) -> None:
        metric = message.metrics.add(name="Table/Log", datatype=16, timestamp=START_MS)
        table = metric.dataset_value
        table.num_of_columns = columns
        table.columns.extend(f"c{number}" for number in range(names))
        table.types.extend(types)
        row = table.rows.add()
        for number in range(cells):
            cell = row.elements.add()
            if not (empty and number == 0):
                cell.double_value = 1.0

    return change


def definition(message: Any, *, ref: str = "", flag: bool = True, name: str = "Pump") -> Any:
    metric = message.metrics.add(name=name, datatype=19, timestamp=START_MS)
    template = metric.template_value
    template.version = "1"
    if flag:
        template.is_definition = True
    if ref:
        template.template_ref = ref
    template.metrics.add(name="Speed", datatype=10, double_value=0)
    template.metrics.add(name="Power", datatype=10, double_value=0)
    template.parameters.add(name="Maker", type=12, string_value="")
    return template


def instance(
    message: Any,
    *,
    ref: str | None = "Pump",
    flag: bool = True,
    members: tuple[str, ...] = ("Speed", "Power"),
    version: str = "1",
) -> Any:
    metric = message.metrics.add(name="Pump/1", datatype=19, timestamp=START_MS)
    template = metric.template_value
    if ref is not None:
        template.template_ref = ref
    if flag:
        template.is_definition = False
    template.version = version
    for member in members:
        template.metrics.add(name=member, datatype=10, double_value=1)
    return template


def with_template(change: Callable[[Any], object]) -> Break:
    """An NBIRTH that defines a template, and a DBIRTH with what `change` adds."""

    def run(scene: Scene) -> None:
        scene.state()
        scene.nbirth(change=definition)
        scene.dbirth(change=change)

    return run


def parameter(**fields: Any) -> Break:
    return with_template(lambda m: instance(m).parameters.add(**fields))


def aliased(scene: Scene) -> None:
    """A session in which a third party uses an alias for the first metric of its device."""
    scene.state()
    scene.nbirth()
    scene.dbirth(change=by(alias=4))


def two_clients(scene: Scene) -> None:
    scene.state()
    scene.nbirth(7)
    scene.nbirth(8)
    scene.nbirth(7)


def undying(scene: Scene) -> None:
    scene.begin()
    scene.nbirth(8)
    scene.ndata(after_ms=200_000)


def spelled_twice(message: Any) -> None:
    twin = message.metrics.add()
    twin.CopyFrom(message.metrics[0])
    twin.name = twin.name.upper()


def rebirths(count: int, after_ms: int) -> Break:
    def run(scene: Scene) -> None:
        for number in range(count):
            scene.rebirth(gateway=f"eg-{number:04d}", after_ms=after_ms)

    return run


def many_births(scene: Scene) -> None:
    scene.state()
    scene.nbirth()
    for number in range(20):
        scene.dbirth(f"ws-{number:04d}", after_ms=10)


def historical(scene: Scene, value: float, *, marked: bool, batch: int = 1) -> None:
    """Say batch 1 again."""
    first_ms = scene.now - 1000
    metrics = (
        double("Air/Temperature", value, first_ms, is_historical=marked),
        double("Air/Humidity", 60.0, first_ms, is_historical=marked),
    )
    scene.say(
        "DDATA",
        metrics,
        device="ws-0001",
        seq=scene.take_seq(),
        uuid=f"3f9a62d1:{batch}",
    )


def ddata(*metrics: Metric) -> Break:
    return started(lambda s: s.say("DDATA", metrics, device="ws-0001", seq=s.take_seq(), uuid="3f9a62d1:9"))


def ddata_changed(change: Callable[[Any], object]) -> Break:
    return started(lambda s: s.ddata(2, change=change))


def commanded(metric: Metric, verb: str = "DCMD") -> Break:
    device = "ws-0001" if verb == "DCMD" else None
    return started(lambda s: s.say(verb, (metric,), device=device))


def born(kind: str, change: Callable[[Any], object]) -> Break:
    return lambda s: s.begin_with(kind, change)


def drop_metric(name: str) -> Callable[[Any], object]:
    def change(message: Any) -> None:
        kept = [metric for metric in message.metrics if metric.name != name]
        del message.metrics[:]
        message.metrics.extend(kept)

    return change


def set_seq(number: int) -> Callable[[Any], object]:
    return lambda message: setattr(message, "seq", number)


BREAKS: dict[str, Break] = {
    # A: names
    "topic-structure": lambda s: s.hear("spBv1.0/p060/XDATA/eg-0001", b""),
    "topic-structure-namespace-a": lambda s: s.hear("spAv1.0/p060/NDATA/eg-0001", b""),
    "topic-structure-namespace-device-id-associated-message-types": lambda s: s.hear(
        "spBv1.0/p060/DDATA/eg-0001", b""
    ),
    "topic-structure-namespace-device-id-non-associated-message-types": lambda s: s.hear(
        "spBv1.0/p060/NBIRTH/eg-0001/ws-0001", b""
    ),
    "topic-structure-namespace-valid-group-id": lambda s: s.nbirth(area="p+60"),
    "topic-structure-namespace-valid-edge-node-id": lambda s: s.nbirth(gateway="eg#1"),
    "topic-structure-namespace-valid-device-id": started(lambda s: s.dbirth("ws+1")),
    "topic-structure-namespace-unique-edge-node-descriptor": two_clients,
    "topic-structure-namespace-unique-device-id": started(lambda s: s.dbirth()),
    "message-flow-device-birth-publish-dbirth-match-edge-node-topic": started(
        lambda s: s.dbirth("ws-0002", area="p999")
    ),
    "case-sensitivity-sparkplug-ids": started(lambda s: s.dbirth("WS-0001")),
    "case-sensitivity-metric-names": born("DBIRTH", spelled_twice),
    # B to E: envelopes
    "payloads-nbirth-qos": lambda s: s.nbirth(qos=1),
    "payloads-nbirth-retain": lambda s: s.nbirth(retain=True),
    "message-flow-edge-node-birth-publish-nbirth-payload": garbage("NBIRTH"),
    "payloads-nbirth-seq": lambda s: s.nbirth(change=set_seq(3)),
    "payloads-nbirth-timestamp": lambda s: s.nbirth(change=without("timestamp")),
    "payloads-dbirth-qos": started(lambda s: s.dbirth("ws-0002", qos=1)),
    "payloads-dbirth-retain": started(lambda s: s.dbirth("ws-0002", retain=True)),
    "message-flow-device-birth-publish-dbirth-payload": garbage("DBIRTH", "ws-0001"),
    "payloads-dbirth-seq": born("DBIRTH", without("seq")),
    "payloads-dbirth-seq-inc": started(lambda s: skip_seq(s).dbirth("ws-0002")),
    "payloads-dbirth-timestamp": born("DBIRTH", without("timestamp")),
    "payloads-ndata-qos": started(lambda s: s.ndata(qos=1)),
    "payloads-ndata-retain": started(lambda s: s.ndata(retain=True)),
    "topics-ndata-payload": started(lambda s: s.ndata(change=without("metrics"))),
    "payloads-ndata-seq": started(lambda s: s.ndata(change=set_seq(256))),
    "payloads-ndata-seq-inc": started(lambda s: skip_seq(s).ndata()),
    "payloads-ndata-timestamp": started(lambda s: s.ndata(change=without("timestamp"))),
    "payloads-ddata-qos": started(lambda s: s.ddata(2, qos=2)),
    "payloads-ddata-retain": started(lambda s: s.ddata(2, retain=True)),
    "topics-ddata-payload": garbage("DDATA", "ws-0001"),
    "payloads-ddata-seq": ddata_changed(without("seq")),
    "payloads-ddata-seq-inc": started(lambda s: skip_seq(s).ddata(2)),
    "payloads-ddata-timestamp": ddata_changed(without("timestamp")),
    "topics-ddeath-mqtt": started(lambda s: s.ddeath(qos=1)),
    "payloads-ddeath-seq": started(lambda s: s.ddeath(change=without("seq"))),
    "payloads-ddeath-seq-inc": started(lambda s: skip_seq(s).ddeath()),
    "payloads-ddeath-timestamp": started(lambda s: s.ddeath(change=without("timestamp"))),
    "message-flow-edge-node-birth-publish-will-message-payload": garbage("NDEATH"),
    "payloads-ndeath-seq": started(lambda s: s.ndeath(change=set_seq(0))),
    "payloads-ndeath-will-message-retain": started(lambda s: s.ndeath(retain=True)),
    "payloads-ncmd-qos": lambda s: s.ack(qos=1),
    "payloads-ncmd-retain": lambda s: s.ack(retain=True),
    "topics-ncmd-payload": lambda s: s.say("NCMD", ()),
    "payloads-ncmd-seq": lambda s: s.ack(seq=1),
    "payloads-ncmd-timestamp": lambda s: s.ack(change=without("timestamp")),
    "payloads-dcmd-qos": lambda s: s.command(qos=2),
    "payloads-dcmd-retain": lambda s: s.command(retain=True),
    "topics-dcmd-payload": garbage("DCMD", "ws-0001"),
    "payloads-dcmd-seq": lambda s: s.command(seq=1),
    "payloads-dcmd-timestamp": lambda s: s.command(change=without("timestamp")),
    "payloads-timestamp-in-UTC": started(lambda s: s.ddata(2, time_ms=s.now + 7 * 3_600_000)),
    # Sessions
    "topics-ndeath-payload": started(lambda s: s.ndeath(change=lambda m: m.metrics.add(name="Reason"))),
    "topics-nbirth-bdseq-increment": started(lambda s: (s.ndeath(7), s.nbirth(7))),
    "payloads-ndeath-bdseq": started(lambda s: s.ndeath(200)),
    "topics-nbirth-bdseq-included": lambda s: s.nbirth(change=drop_metric("bdSeq")),
    "topics-nbirth-bdseq-matching": lambda s: s.nbirth(change=by(datatype=8)),
    "topics-nbirth-rebirth-metric": lambda s: s.nbirth(change=drop_metric("Node Control/Rebirth")),
    "operational-behavior-data-commands-rebirth-name-aliases": lambda s: s.nbirth(
        change=lambda m: setattr(m.metrics[1], "alias", 1)
    ),
    "principles-birth-certificates-order": started(lambda s: (s.ndeath(), s.ddata(2))),
    "message-flow-device-birth-publish-nbirth-wait": started(lambda s: (s.ndeath(), s.dbirth())),
    "payloads-ddata-order": started(lambda s: s.ddata(2, "ws-0002")),
    "payloads-ndeath-will-message-publisher": undying,
    # F: metrics
    "topics-nbirth-metric-reqs": started(lambda s: s.ndata(change=by(name="Spool/New"))),
    "topics-nbirth-metrics": lambda s: s.nbirth(change=without(".datatype")),
    "operational-behavior-data-publish-nbirth-values": lambda s: s.nbirth(change=by(is_null=True)),
    "topics-dbirth-metric-reqs": ddata_changed(by(name="Air/New")),
    "topics-dbirth-metrics": born("DBIRTH", without(".double_value")),
    "operational-behavior-data-publish-dbirth-values": born("DBIRTH", by(is_null=True)),
    "payloads-name-birth-data-requirement": ddata_changed(without(".timestamp")),
    "payloads-metric-timestamp-in-UTC": ddata_changed(by(timestamp=START_MS // 1000)),
    "payloads-name-requirement": ddata_changed(without(".name")),
    "payloads-metric-datatype-value": ddata_changed(by(datatype=21)),
    "payloads-metric-datatype-req": born("DBIRTH", without(".datatype")),
    "payloads-alias-uniqueness": lambda s: (aliased(s), s.dbirth("ws-0002", change=by(alias=4))),
    "payloads-alias-birth-requirement": born("DBIRTH", lambda m: (by(alias=4)(m), without(".name")(m))),
    "payloads-alias-data-cmd-requirement": lambda s: (aliased(s), s.ddata(1)),
    "operational-behavior-data-publish-nbirth-order": started(
        lambda s: s.ndata(change=lambda m: setattr(m.metrics[1], "timestamp", START_MS))
    ),
    "operational-behavior-data-publish-dbirth-order": ddata_changed(
        lambda m: setattr(m.metrics[1], "timestamp", START_MS)
    ),
    "operational-behavior-data-publish-nbirth-change": started(
        lambda s: s.say("NDATA", (Metric("Spool/Depth", DataType.INT64, 0, s.now),), seq=s.take_seq())
    ),
    "operational-behavior-data-publish-dbirth-change": started(
        lambda s: s.ddata(2, change=lambda m: setattr(m.metrics[0], "double_value", s.value - 1))
    ),
    "payloads-propertyset-keys-array-size": ddata_changed(lone_key),
    "payloads-metric-propertyvalue-type-value": ddata_changed(quality(type_code=40)),
    "payloads-metric-propertyvalue-type-req": born("DBIRTH", untyped_property),
    "payloads-propertyset-quality-value-type": ddata_changed(quality(type_code=4)),
    "payloads-propertyset-quality-value-value": ddata_changed(quality(code=64)),
    "payloads-dataset-column-size": ddata_changed(data_set(names=1)),
    "payloads-dataset-types-num": ddata_changed(data_set(types=(10,))),
    "payloads-dataset-types-value": ddata_changed(data_set(types=(10, 19))),
    "payloads-template-dataset-value": ddata_changed(data_set(empty=True)),
    "topics-nbirth-templates": with_template(lambda m: instance(m, ref="Valve")),
    "payloads-template-definition-nbirth-only": with_template(lambda m: definition(m, name="Other")),
    "payloads-template-is-definition": with_template(lambda m: instance(m, flag=False)),
    "payloads-template-definition-ref": lambda s: s.nbirth(change=lambda m: definition(m, ref="Pump")),
    "payloads-template-instance-ref": with_template(lambda m: instance(m, ref=None)),
    "payloads-template-instance-members": with_template(
        lambda m: instance(m, members=("Speed", "Power", "Noise"))
    ),
    "payloads-template-instance-members-birth": with_template(lambda m: instance(m, members=("Speed",))),
    "payloads-template-instance-parameters": parameter(name="Colour", type=12, string_value="red"),
    "payloads-template-version": with_template(lambda m: instance(m, version="2")),
    "payloads-template-parameter-name-required": parameter(type=12, string_value="x"),
    "payloads-template-parameter-type-req": parameter(name="Maker", string_value="x"),
    "payloads-template-parameter-value": parameter(name="Maker", type=12),
    # I: hosts
    "intro-sparkplug-host-state": lambda s: (s.nbirth(), s.ndata(after_ms=20_000)),
    "operational-behavior-host-application-host-id": lambda s: (
        s.state(timestamp=START_MS),
        s.state(timestamp=START_MS + 1),
        s.state(timestamp=START_MS),
    ),
    "host-topic-phid-birth-qos": lambda s: s.state(qos=0),
    "host-topic-phid-birth-retain": lambda s: s.state(retain=False),
    "host-topic-phid-birth-payload": lambda s: s.state(body=b"ONLINE"),
    "host-topic-phid-birth-payload-timestamp": lambda s: (
        s.state(),
        s.state(online=False, timestamp=START_MS - 1),
    ),
    "host-topic-phid-birth-message": lambda s: (s.state(online=False), s.rebirth()),
    # K: commands
    "operational-behavior-data-commands-ncmd-verb": commanded(
        Metric("Valve/Position", DataType.INT32, 1, START_MS), "NCMD"
    ),
    "operational-behavior-data-commands-ncmd-metric-name": commanded(
        Metric("Valve/Colour", DataType.INT32, 1, START_MS)
    ),
    "operational-behavior-data-commands-ncmd-metric-value": commanded(
        Metric("Valve/Position", DataType.DOUBLE, 1.0, START_MS)
    ),
    "operational-behavior-data-commands-ncmd-rebirth-value": lambda s: s.rebirth(
        change=by(boolean_value=False)
    ),
    # X: kega's own
    "X-ID-1": lambda s: s.nbirth(gateway="EG 1"),
    "X-ID-2": started(lambda s: s.dbirth(gateway="eg-0002")),
    "X-ENC-1": born("DBIRTH", by(alias=4)),
    "X-ENC-2": ddata_changed(lambda m: m.metrics.add(name="Air/CO", datatype=9, float_value=1)),
    "X-ENC-3": ddata_changed(without(".datatype")),
    "X-TS-1": started(lambda s: s.ddata(2, change=by(timestamp=s.now - 1000))),
    "X-TS-3": ddata_changed(by(timestamp=1_000_000_000_000)),
    "X-ACK-2": started(lambda s: s.ddata(2, uuid="batch 2")),
    "X-ACK-3": started(lambda s: s.ack("ffffffff:1")),
    "X-ACK-4": started(lambda s: historical(s, s.value, marked=False)),
    "X-ACK-7": lambda s: s.nbirth(change=drop_metric("Spool/Dropped")),
    "X-CMD-1": commanded(
        Metric(
            "Valve/Position",
            DataType.INT32,
            1,
            START_MS,
            properties={"cmdId": Property(DataType.STRING, "c-9")},
        )
    ),
    "X-CMD-3": started(lambda s: (s.result(2, batch=2), s.result(4, batch=3))),
    "X-CMD-5": started(lambda s: s.result(change=drop_metric("Command/Error"))),
    "X-CMD-6": lambda s: s.command(expires_in_ms=-1),
    "X-BIRTH-2": lambda s: (s.rebirth(), s.rebirth()),
    "X-BIRTH-3": many_births,
}

MORE_BREAKS: list[tuple[str, Break]] = [
    ("topic-structure-namespace-a", lambda s: s.hear("STATE/kega-host", b"ONLINE")),
    (
        "topic-structure-namespace-device-id-non-associated-message-types",
        lambda s: s.hear("spBv1.0/STATE/kega-host/x", b""),
    ),
    ("topic-structure", lambda s: s.hear("spBv1.0//NDATA/eg-0001", b"")),
    ("topic-structure-namespace-valid-group-id", lambda s: s.hear("spBv1.0//NDATA/eg-0001", b"")),
    ("payloads-nbirth-seq", lambda s: s.nbirth(change=without("seq"))),
    ("topics-ddeath-mqtt", started(lambda s: s.ddeath(retain=True))),
    ("topics-nbirth-bdseq-increment", lambda s: (s.nbirth(200), s.ndeath(200), s.nbirth(0))),
    ("topics-nbirth-bdseq-matching", lambda s: s.nbirth(change=by(long_value=256))),
    ("payloads-ndeath-bdseq", started(lambda s: s.ndeath(change=without("metrics")))),
    ("payloads-ndeath-bdseq", started(lambda s: s.ndeath(change=by(datatype=7)))),
    ("payloads-ddata-order", started(lambda s: (s.ddeath(), s.ddata(2)))),
    ("payloads-template-dataset-value", ddata_changed(data_set(cells=1))),
    ("payloads-metric-timestamp-in-UTC", ddata_changed(by(timestamp=START_MS + 7 * 3_600_000))),
    ("payloads-propertyset-quality-value-value", ddata_changed(quality(as_long=True))),
    ("host-topic-phid-birth-payload", lambda s: s.state(body=b'{"online":"true","timestamp":1}')),
    ("host-topic-phid-birth-payload", lambda s: s.state(body=b'{"online":true,"timestamp":1,"x":2}')),
    ("host-topic-phid-birth-payload", lambda s: s.state(timestamp=s.now + 10**7)),
    (
        "operational-behavior-data-commands-ncmd-verb",
        commanded(Metric("Spool/Ack", DataType.STRING, "x", START_MS)),
    ),
    (
        "operational-behavior-data-commands-ncmd-metric-value",
        started(lambda s: s.command(change=lambda m: (without(".datatype")(m), by(double_value=1.0)(m)))),
    ),
    (
        "operational-behavior-data-commands-ncmd-rebirth-value",
        lambda s: s.rebirth(change=by(name="Node Control/rebirth")),
    ),
    (
        "operational-behavior-data-commands-ncmd-rebirth-value",
        commanded(Metric("Node Control/Rebirth", DataType.BOOLEAN, True, START_MS)),
    ),
    ("X-ID-2", started(lambda s: s.nbirth(area="p061"))),
    (
        "X-ENC-2",
        started(
            lambda s: s.ddata(
                2, change=lambda m: m.metrics.add(name="Air/CO", datatype=3, int_value=2**32 - 1)
            )
        ),
    ),
    (
        "X-ENC-2",
        started(
            lambda s: s.ddata(
                2, change=lambda m: m.metrics.add(name="Air/CO", datatype=4, long_value=2**64 - 1)
            )
        ),
    ),
    ("X-ENC-3", ddata(Metric("Air/Temperature", DataType.INT64, 4, START_MS + 10**6))),
    ("X-TS-1", started(lambda s: historical(s, s.value, marked=True, batch=2))),
    ("X-TS-1", ddata(*(double("Air/Temperature", 4.0, START_MS + 10**4) for _ in range(2)))),
    (
        "X-ACK-2",
        started(
            lambda s: (
                s.nbirth(gateway="eg-0002"),
                s.dbirth("ws-0002", gateway="eg-0002"),
                s.ddata(2, "ws-0002", gateway="eg-0002"),
            )
        ),
    ),
    ("X-ACK-2", started(lambda s: s.ddata(2, change=without("uuid")))),
    ("X-ACK-3", started(lambda s: s.ack("all of them"))),
    ("X-ACK-4", started(lambda s: historical(s, s.value + 1, marked=True))),
    ("X-ACK-7", lambda s: s.nbirth(change=lambda m: setattr(m.metrics[5], "datatype", 10))),
    ("X-CMD-5", started(lambda s: s.result(change=by(timestamp=START_MS)))),
    ("X-CMD-5", started(lambda s: s.result(9))),
    ("X-BIRTH-2", rebirths(51, 10)),
]
