"""Lines mean what was put into them: read back by a parser of our own, and by a real InfluxDB."""

from __future__ import annotations

import math
import re
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.store import open_store
from cloud.store.checks import fault
from cloud.store.line_protocol import LineEncoder
from cloud.store.port import Channel, Row, Scan
from telemetry.readings import Quality, Value
from tests.servers import InfluxDB1

IDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\"), min_size=1, max_size=30
)
NAMES = st.from_regex(r"f[a-z0-9]{0,5}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
TYPES = {bool: "b", int: "i", float: "f", str: "s"}


def typed(fields: dict[str, Value]) -> dict[str, Value]:
    """Names that tell the type, so that no two scans disagree on it."""
    return {f"{TYPES[type(value)]}_{name}": value for name, value in fields.items()}


SCANS = st.builds(
    Scan,
    device_class=st.just("streetlight"),
    area=IDS,
    gateway=IDS,
    device=IDS,
    time_ms=st.integers(0, 9_000_000_000_000),
    fields=st.dictionaries(NAMES, VALUES, min_size=1, max_size=5).map(typed),
)


def split_outside(text: str, mark: str) -> list[str]:
    """`text` at each `mark` that is neither escaped nor within quotation marks."""
    parts, start, quoted, place = [], 0, False, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == '"':
            quoted = not quoted
        elif text[place] == mark and not quoted:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def split_tags(text: str) -> list[str]:
    """At commas that are not escaped; quotation marks mean nothing in tags."""
    return re.split(r"(?<!\\),", text)


def read_value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    return int(text[:-1]) if text.endswith("i") else float(text)


def parse(line: str) -> tuple[list[str], dict[str, Value], int]:
    """A reader of line protocol, written from its description."""
    match = re.fullmatch(r"((?:\\.|[^ \\])+) (.*) (\d+)", line, re.DOTALL)
    assert match is not None
    tags = [re.sub(r"\\([,= ])", r"\1", tag) for tag in split_tags(match[1])]
    pairs = [split_outside(each, "=") for each in split_outside(match[2], ",")]
    return tags, {name: read_value(text) for name, text in pairs}, int(match[3])


@given(SCANS)
def test_a_line_says_what_the_scan_held(scan: Scan) -> None:
    assert fault(scan) == ""
    tags, fields, time_ms = parse(LineEncoder().line(scan).decode())
    assert tags == [
        "streetlight",
        f"area={scan.area}",
        f"device={scan.device}",
        f"gateway={scan.gateway}",
    ]
    assert time_ms == scan.time_ms
    assert fields == scan.fields
    assert [type(value) for value in fields.values()] == [type(value) for value in scan.fields.values()]


@given(
    st.dictionaries(NAMES, st.tuples(st.none() | VALUES, st.sampled_from(Quality)), min_size=1, max_size=5)
)
def test_only_good_values_stand_under_the_fields_own_name(fields: dict[str, tuple[Value, Quality]]) -> None:
    scan = Scan(
        "streetlight",
        "p060",
        "eg-1",
        "sl-1",
        1,
        {name: value for name, (value, _) in fields.items()},
        {name: quality for name, (_, quality) in fields.items() if quality is not Quality.GOOD},
    )
    _, told, _ = parse(LineEncoder().line(scan).decode())
    for name, (value, quality) in fields.items():
        if quality is Quality.GOOD and value is not None:
            assert told[name] == value
            assert f"{name}__q" not in told
        else:
            assert name not in told
            assert told[f"{name}__q"] == int(Quality.BAD if quality is Quality.GOOD else quality)
            assert told.get(f"{name}__raw") == value


@given(
    st.lists(
        st.tuples(
            NAMES, st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(-1e300, 1e300))
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda field: field[0],
    ),
    st.tuples(IDS, IDS, IDS),
    st.integers(0, 10**13),
)
def test_the_line_of_a_row_is_that_of_its_scan(
    fields: list[tuple[str, bool | int | float]], place: tuple[str, str, str], time_ms: int
) -> None:
    names, values = tuple(name for name, _ in fields), tuple(value for _, value in fields)
    row = Row(Channel("streetlight", *place, names, tuple(map(type, values))), time_ms, values)
    encoder = LineEncoder()
    for _ in range(2):
        assert encoder.line(row) == encoder.line(row.scan())


def test_a_line_without_texts_leaves_them_out() -> None:
    encoder = LineEncoder(class_tag=True, texts=False)
    scan = Scan("truck", "p060", "eg-1", "gt-1", 5, {"bin_lift_tag": "x", "speed": 1.5})
    assert encoder.line(scan) == b"truck,area=p060,class=truck,device=gt-1,gateway=eg-1 speed=1.5 5"
    assert encoder.line(Scan("truck", "p060", "eg-1", "gt-1", 5, {"bin_lift_tag": "x"})) == b""
    assert encoder.texts_left_out == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scans=st.lists(SCANS, min_size=1, max_size=20, unique_by=lambda scan: scan.device))
def test_a_real_influxdb_reads_what_we_wrote(influxdb1: InfluxDB1, scans: list[Scan]) -> None:
    store = open_store(f"influx1://127.0.0.1:{influxdb1.port}/lines{time.monotonic_ns()}")
    try:
        assert list(store.write(scans)) == []
        latest = store.latest()
        assert latest.keys() == {scan.device for scan in scans}
        for scan in scans:
            for name, value in scan.fields.items():
                found = latest[scan.device][name]
                assert found.time_ms == scan.time_ms
                assert type(found.value) is type(value)
                assert found.value == value or (
                    isinstance(value, float) and math.isclose(float(str(found.value)), value, rel_tol=1e-15)
                )
    finally:
        store.close()
