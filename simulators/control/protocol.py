"""What travels over the control socket: one JSON object a line, asked and answered in turn."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulators.errors import SimError

MAX_LINE: Final = 64 * 1024
"""Bytes of one request; a longer one ends the connection."""


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskStatus(_Ask):
    """Ask how the simulator is."""

    do: Literal["status"] = "status"


class AskFaults(_Ask):
    """Ask what is wrong now, and what can be."""

    do: Literal["faults"] = "faults"


class AskSet(_Ask):
    """Begin a fault."""

    do: Literal["set"] = "set"
    kind: str
    target: str
    for_s: float | None = None
    strength: float | None = None


class AskClear(_Ask):
    """End faults."""

    do: Literal["clear"] = "clear"
    kind: str = "all"
    target: str | None = None


Ask = Annotated[AskStatus | AskFaults | AskSet | AskClear, Field(discriminator="do")]
_ASK: Final[TypeAdapter[AskStatus | AskFaults | AskSet | AskClear]] = TypeAdapter(Ask)


def parse_ask(line: bytes) -> AskStatus | AskFaults | AskSet | AskClear:
    """The request in a line. Raises SimError, whose message is for the one who asked."""
    try:
        return _ASK.validate_json(line)
    except ValidationError as failure:
        first = failure.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SimError(f"cannot read the request: {place or 'line'}: {first['msg']}") from failure


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"
