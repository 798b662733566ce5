from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.store.checks import fault
from cloud.store.line_protocol import LineEncoder
from cloud.store.port import Scan
from cloud.transfer.errors import RowError
from cloud.transfer.line_parser import parse_line

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)


@given(
    device=TEXTS,
    fields=st.dictionaries(st.sampled_from(["power_active", "lamp_on", "note"]), VALUES, min_size=1),
    time_ms=st.integers(0, 10**12),
)
def test_what_kega_writes_is_read_back(device: str, fields: dict[str, object], time_ms: int) -> None:
    scan = Scan("streetlight", "p060", "eg 1,=x", device, time_ms, fields)  # type: ignore[arg-type]
    if fault(scan):
        return
    line = parse_line(LineEncoder().line(scan).decode())
    assert (line.measurement, line.time) == ("streetlight", time_ms)
    assert line.tags == {"area": "p060", "device": device, "gateway": "eg 1,=x"}
    assert line.fields == fields
    assert [type(each) for each in line.fields.values()] == [type(each) for each in fields.values()]


@given(st.text(max_size=60))
def test_anything_is_a_line_or_told(text: str) -> None:
    try:
        parse_line(text)
    except RowError:
        return


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "parts"),
        ("m", "parts"),
        ("m a=1 b=2 3 4", "parts"),
        ("m a=1 soon", "whole number"),
        ("m a=x 1", "no value"),
        ("m a 1", "name and value"),
        ('m a="x 1', "no end"),
        (",t=1 a=1 1", "measurement"),
        ("m a=1.2.3 1", "no value"),
        ("m a=NaN 1", "no value"),
    ],
)
def test_what_is_no_line_is_told(text: str, cause: str) -> None:
    with pytest.raises(RowError, match=cause):
        parse_line(text)
