"""Shapes say what the careful way says, or nothing."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ingest.devices import Device
from cloud.ingest.reading import PayloadReader
from cloud.ingest.shapes import MAX_ALIKE, MAX_SHAPES, Reading, ShapeBook
from cloud.ingest.validation import Rule, check_time
from telemetry.errors import CodecError
from telemetry.readings import ValueType
from telemetry.sparkplug.payload import DataType, Metric, Payload, Property, decode, encode
from telemetry.sparkplug.topics import Topic, Verb
from tests.cloud.ingest.wire import now_ms

NOW = now_ms()
RULES = {
    rule.metric: rule
    for rule in (
        Rule.of("Power/Active", "power_active", ValueType.DOUBLE, (-1000.0, 1000.0)),
        Rule.of("Power/Factor", "power_factor", ValueType.DOUBLE, None),
        Rule.of("Lamp/Level", "lamp_level", ValueType.INT32, (0, 100)),
        Rule.of("Lamp/Starts", "lamp_starts", ValueType.INT32, None),
        Rule.of("Energy/Total", "energy_total", ValueType.INT64, None),
        Rule.of("Lamp/Since", "lamp_since", ValueType.DATETIME, None),
        Rule.of("Lamp/On", "lamp_on", ValueType.BOOLEAN, None),
        Rule.of("Lamp/Program", "lamp_program", ValueType.STRING, None),
    )
}
TYPES = {
    "Power/Active": DataType.DOUBLE,
    "Power/Factor": DataType.DOUBLE,
    "Lamp/Level": DataType.INT32,
    "Lamp/Starts": DataType.INT32,
    "Energy/Total": DataType.INT64,
    "Lamp/Since": DataType.DATETIME,
    "Lamp/On": DataType.BOOLEAN,
}
UUID = "3f9a62d1:12345"


def careful(payload: bytes, book: ShapeBook) -> tuple[int, dict[str, object], str | None] | None:
    """What ingest makes of it without shapes; None where it is not the usual case."""
    try:
        decoded = decode(payload)
    except CodecError:
        return None
    device = Device("sl-000001", "streetlight", RULES, book)
    reader = PayloadReader(Topic("p060", Verb.DDATA, "eg-0001", "sl-000001"), device, _Nobody(), NOW)  # type: ignore[arg-type]
    reader.read(decoded)
    scans = list(reader.scans())
    if len(scans) != 1 or scans[0].quality or reader.faults or reader.results or reader.bad_values:
        return None
    return scans[0].time_ms, dict(scans[0].fields), decoded.uuid


class _Nobody:
    def find_again(self, device: Device) -> Device:
        return device


def told(reading: Reading) -> tuple[int, dict[str, object], str]:
    layout, time_ms, values, uuid = reading
    for kind, value in zip(layout.kinds, values, strict=True):
        assert type(value) is kind
    return time_ms, dict(zip(layout.fields, values, strict=True)), uuid.decode()


def value_of(name: str, random: random.Random) -> bool | int | float:
    match TYPES[name]:
        case DataType.DOUBLE:
            return random.choice([0.0, -0.0, 1.5, -999.999, 1000.0, random.uniform(-1000, 1000)])
        case DataType.BOOLEAN:
            return random.random() < 0.5
        case DataType.INT32 if name == "Lamp/Level":
            return random.randrange(101)
        case DataType.INT32:
            return random.choice([0, 127, 128, 2**21, 2**27, 2**31 - 1, random.randrange(2**28)])
        case _:
            return random.choice([0, 2**40, 2**62, 2**63 - 1, random.randrange(2**63)])


def payload_of(
    names: list[str],
    random: random.Random,
    *,
    historical: bool = False,
    seq: int = 5,
    uuid: str | None = UUID,
) -> bytes:
    at = NOW - random.randrange(1000)
    metrics = tuple(
        Metric(name, TYPES[name], value_of(name, random), at, is_historical=historical) for name in names
    )
    return encode(Payload(NOW, metrics, seq=seq, uuid=uuid))


NAMES = st.lists(st.sampled_from(sorted(TYPES)), min_size=1, unique=True)
RANDOM = st.randoms(use_true_random=False)


def book_of(*payloads: bytes) -> ShapeBook:
    book = ShapeBook(RULES)
    for payload in payloads:
        book.learn(payload)
        book.learn(payload)
    return book


@given(NAMES, RANDOM, st.booleans(), st.integers(0, 255))
def test_a_payload_is_read_as_the_careful_way_reads_it(
    names: list[str], random: random.Random, historical: bool, seq: int
) -> None:
    first = payload_of(names, random, historical=historical)
    book = book_of(first)
    for payload in (first, payload_of(names, random, historical=historical, seq=seq)):
        reading = book.read(payload)
        if reading is not None:
            assert told(reading) == careful(payload, book)
    # an Int32 of five bytes may be negative, and is left to the careful way
    assert "Lamp/Starts" in names or book.read(first) is not None


@given(NAMES, RANDOM, st.data())
@settings(max_examples=300)
def test_a_damaged_payload_is_read_as_the_careful_way_reads_it_or_not_at_all(
    names: list[str], random: random.Random, data: st.DataObject
) -> None:
    payload = bytearray(payload_of(names, random))
    book = book_of(bytes(payload))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(["set", "bit", "cut", "put"])):
            case "set":
                payload[at] = data.draw(st.integers(0, 255))
            case "bit":
                payload[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut" if len(payload) > 1:
                del payload[at]
            case _:
                payload.insert(at, data.draw(st.integers(0, 255)))
    reading = book.read(bytes(payload))
    if reading is not None and _is_batch(reading[3]) and not check_time(reading[1], NOW):
        assert told(reading) == careful(bytes(payload), book)


def _is_batch(uuid: bytes) -> bool:
    epoch, _, number = uuid.partition(b":")
    return epoch.isalnum() and number.isdigit()


@given(st.binary(max_size=300))
def test_anything_may_be_asked_and_learnt(payload: bytes) -> None:
    book = book_of(payload)
    assert book.read(payload) is None or careful(payload, book) is not None


def test_what_is_not_usual_is_left_to_the_careful_way() -> None:
    at = NOW
    good = Metric("Power/Active", DataType.DOUBLE, 1.0, at)
    unusual = [
        (good, Metric("Power/Factor", DataType.DOUBLE, 1.0, at - 1)),
        (good, Metric("Lamp/Program", DataType.STRING, "on", at)),
        (good, Metric("Power/Factor", DataType.DOUBLE, None, at, is_null=True)),
        (good, Metric("Nobody/Knows", DataType.DOUBLE, 1.0, at)),
        (good, good),
        (
            Metric(
                "Power/Active", DataType.DOUBLE, 1.0, at, properties={"Quality": Property(DataType.INT32, 0)}
            ),
        ),
        (Metric("Power/Active", DataType.INT32, 1, at),),
        (Metric("Power/Active", DataType.DOUBLE, 1.0, at, is_transient=True),),
        (Metric("Power/Active", DataType.DOUBLE, 1.0, 5),),
        (Metric("Power/Active", DataType.DOUBLE, 1.0, None),),
    ]
    for metrics in unusual:
        payload = encode(Payload(at, metrics, seq=1, uuid=UUID))
        book = book_of(payload)
        assert book.read(payload) is None
        assert len(book) == 0


def test_a_value_outside_its_range_is_left_to_the_careful_way() -> None:
    def one(value: float) -> bytes:
        return encode(Payload(NOW, (Metric("Power/Active", DataType.DOUBLE, value, NOW),), seq=1, uuid=UUID))

    book = book_of(one(1.0))
    assert book.read(one(1000.0)) is not None
    for value in (1000.5, -1e9, float("nan"), float("inf"), float("-inf")):
        assert book.read(one(value)) is None


def test_a_length_that_came_once_is_not_learnt() -> None:
    book = ShapeBook(RULES)
    book.learn(payload_of(["Power/Active"], random.Random(1)))
    assert len(book) == 0


def test_a_book_is_bounded() -> None:
    rules = {
        f"Group/{number}": Rule.of(f"Group/{number}", f"group_{number}", ValueType.DOUBLE, None)
        for number in range(1000, 1000 + 2 * MAX_ALIKE)
    } | {"x" * size: Rule.of("x" * size, f"x{size}", ValueType.DOUBLE, None) for size in range(1, 50)}
    book = ShapeBook(rules)

    def one(*names: str) -> bytes:
        metrics = tuple(Metric(name, DataType.DOUBLE, 1.0, NOW) for name in names)
        return encode(Payload(NOW, metrics, seq=1, uuid=UUID))

    alike = [one(name) for name in rules if name.startswith("Group")]
    for payload in alike * 40:
        if book.read(payload) is None:
            book.learn(payload)
    assert len(book) == MAX_ALIKE
    for count in range(30):
        for size in range(1, 50):
            payload = one(*list(rules)[:count], "x" * size)
            book.learn(payload)
            book.learn(payload)
            assert len(book) <= MAX_SHAPES
