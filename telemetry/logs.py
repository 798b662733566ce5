"""Structured logging: one event a line, `key=value`, with gateway and device ids; JSON where asked for."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

_SECRET: Final = re.compile(r"password|secret|token|authorization|api_?key", re.IGNORECASE)
_HIDDEN: Final = "***"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class EventFormatter(logging.Formatter):
    """`2026-01-05T08:30:00.123Z warning edge.bus unit-silent gateway=eg-1 device=sl-1 cause="no reply"`."""

    def __init__(self, *, as_json: bool = False) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One line for the event, and the traceback in one more field where there is one."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        event: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{key: _HIDDEN if _SECRET.search(key) else value for key, value in fields.items()},
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        if self._as_json:
            return _escaped(json.dumps(event, ensure_ascii=False, default=str))
        head = _escaped(" ".join(str(event.pop(key)) for key in ("time", "level", "logger", "event")))
        return " ".join([head, *(f"{key}={_quoted(value)}" for key, value in event.items())])


def _quoted(value: Any) -> str:
    text = str(value)
    plain = text and text.isprintable() and not any(sign in text for sign in ' "=')
    return text if plain else _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """`text` without any sign that could end or disturb the line."""
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def configure_logging(level: str = "info", *, as_json: bool = False) -> None:
    """Send events of `level` and above to standard error. Called once, by a command's shell.

    Log with `logger.warning("unit-silent", extra={"device": …, "cause": …})`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter(as_json=as_json))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
