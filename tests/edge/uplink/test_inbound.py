"""What hosts and others send: read where it can be, ignored where it cannot, never an exception."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from edge.uplink.inbound import (
    Acknowledged,
    DeviceCommand,
    HostState,
    PrimaryHost,
    RebirthAsked,
    read_message,
)
from telemetry.sparkplug.ack import ACK_METRIC, Ack
from telemetry.sparkplug.fields import PayloadMessage
from telemetry.sparkplug.metrics import REBIRTH
from telemetry.sparkplug.payload import DataType, Metric, Payload, encode

NODE = "spBv1.0/p060/NCMD/eg-0001"
LAMP = "spBv1.0/p060/DCMD/eg-0001/sl-000001"


def test_rebirth_with_and_without_times_and_datatype() -> None:
    full = encode(Payload(1, (Metric(REBIRTH, DataType.BOOLEAN, True, 1),)))
    bare = PayloadMessage()
    bare.metrics.add(name=REBIRTH, boolean_value=True)
    assert read_message(NODE, full) == read_message(NODE, bare.SerializeToString()) == [RebirthAsked()]
    no = encode(Payload(1, (Metric(REBIRTH, DataType.BOOLEAN, False, 1),)))
    assert read_message(NODE, no) == []


def test_acknowledgements_good_and_bad_beside_unknown_metrics() -> None:
    metrics = (
        Metric("Node Control/Reboot", DataType.BOOLEAN, True),
        Metric(ACK_METRIC, DataType.STRING, "nonsense"),
        Metric(ACK_METRIC, DataType.STRING, "0123456789abcdef:1-5,9"),
    )
    assert read_message(NODE, encode(Payload(None, metrics))) == [
        Acknowledged(Ack("0123456789abcdef", ((1, 5), (9, 9))))
    ]


def test_each_metric_of_a_dcmd_is_a_command() -> None:
    metrics = (Metric("Lamp/On", DataType.BOOLEAN, True), Metric("Lamp/Level", DataType.INT32, 50))
    events = read_message(LAMP, encode(Payload(77, metrics)))
    assert [(event.device, event.metric.name, event.sent_ms) for event in events] == [  # type: ignore[union-attr]
        ("sl-000001", "Lamp/On", 77),
        ("sl-000001", "Lamp/Level", 77),
    ]
    assert all(isinstance(event, DeviceCommand) for event in events)


@given(st.sampled_from([NODE, LAMP, "spBv1.0/STATE/kega-host", "other", "spBv1.0//NCMD/x"]), st.binary())
def test_no_bytes_make_it_fail(topic: str, payload: bytes) -> None:
    read_message(topic, payload)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_json_makes_it_fail(content: object) -> None:
    read_message("spBv1.0/STATE/kega-host", json.dumps(content).encode())
    read_message("spBv1.0/STATE/kega-host", json.dumps({"online": content, "timestamp": content}).encode())


def test_only_the_primary_host_counts_and_never_an_older_word() -> None:
    primary = PrimaryHost("kega-host")
    assert primary.judge(HostState("other", is_online=True, time_ms=5)) is None
    assert primary.judge(HostState("kega-host", is_online=True, time_ms=100)) is True
    assert primary.judge(HostState("kega-host", is_online=False, time_ms=99)) is None
    assert primary.judge(HostState("kega-host", is_online=False, time_ms=100)) is False
    assert primary.judge(HostState("kega-host", is_online=True, time_ms=101)) is True
