"""Logs: one event a line, whatever is in it, and no secret."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.logs import EventFormatter, configure_logging
from telemetry.mqtt import Broker


def formatted(event: str, *, as_json: bool = False, **fields: object) -> str:
    record = logging.makeLogRecord(
        {"name": "edge.bus", "levelname": "WARNING", "levelno": 30, "msg": event, "created": 1.5, **fields}
    )
    return EventFormatter(as_json=as_json).format(record)


def test_an_event_is_one_line_of_key_value() -> None:
    line = formatted("unit-silent", gateway="eg-0001", device="sl-000001", cause="no reply", tries=3)
    assert line == (
        "1970-01-01T00:00:01.500Z warning edge.bus unit-silent "
        'gateway=eg-0001 device=sl-000001 cause="no reply" tries=3'
    )


def test_or_one_line_of_json() -> None:
    event = json.loads(formatted("unit-silent", as_json=True, device="sl-000001", cause="không trả lời"))
    assert (event["event"], event["device"], event["cause"]) == ("unit-silent", "sl-000001", "không trả lời")


@given(st.text(), st.booleans())
def test_any_text_stays_on_one_line(text: str, as_json: bool) -> None:
    line = formatted("event " + text, as_json=as_json, cause=text)
    assert len(line.splitlines()) == 1
    if as_json:
        assert json.loads(line)["cause"] == text


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "key", ["password", "smtp_password", "token", "Authorization", "client_secret", "api_key"]
)
def test_fields_with_secrets_are_hidden(key: str, as_json: bool) -> None:
    line = formatted("sign-in", as_json=as_json, **{key: "bí mật"})
    assert "bí mật" not in line
    assert "***" in line


def test_a_traceback_stays_on_the_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(EventFormatter())
    logger = logging.getLogger("tests.traceback")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("failed")
    assert stream.getvalue().count("\n") == 1
    assert "ValueError" in stream.getvalue()


def test_a_broker_in_a_log_shows_no_password() -> None:
    assert "bí mật" not in formatted("connect", broker=Broker("mqtt://h", username="u", password="bí mật"))


def test_events_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("info", as_json=True)
        logging.getLogger("cloud.ingest").info("stored", extra={"batches": 3})
        logging.getLogger("cloud.ingest").debug("unseen")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["batches"] for line in lines] == [3]
