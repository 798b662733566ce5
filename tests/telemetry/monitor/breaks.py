"""For every rule of the monitor one way to break it on purpose."""

from __future__ import annotations

from telemetry.sparkplug.payload import DataType, Metric, Property
from tests.telemetry.monitor.faults import (
    Break,
    aliased,
    born,
    by,
    commanded,
    data_set,
    ddata,
    ddata_changed,
    definition,
    drop_metric,
    garbage,
    historical,
    instance,
    lone_key,
    many_births,
    parameter,
    quality,
    rebirths,
    set_seq,
    skip_seq,
    spelled_twice,
    started,
    two_clients,
    undying,
    untyped_property,
    with_template,
    without,
)
from tests.telemetry.monitor.scene import START_MS, double

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
