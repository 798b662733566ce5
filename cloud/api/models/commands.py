"""Commands."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from cloud.api.models.common import Given, Id, Milliseconds, example
from cloud.registry.port import CommandRecord, CommandState
from telemetry.readings import Value


class Order(Given):
    """What to write, and how long the order is good."""

    model_config = Given.model_config | example(
        device="sl-000001", point="Lamp/On", value=True, ttl_s=30, reason="Trời tối sớm"
    )

    device: Id
    point: Annotated[str, Field(min_length=1, max_length=100, description="Metric or field name")]
    value: (
        StrictBool
        | StrictInt
        | Annotated[StrictFloat, Field(allow_inf_nan=False)]
        | Annotated[StrictStr, Field(max_length=1000)]
    )
    ttl_s: Annotated[
        float, Field(ge=1, le=86_400, description="Seconds after which the gateway no longer acts on it")
    ] = 30
    revert_after_s: (
        Annotated[
            float,
            Field(ge=1, le=86_400, description="Seconds after which the gateway takes it back by itself"),
        ]
        | None
    ) = None
    reason: Annotated[str, Field(max_length=500)] | None = None


class CommandModel(BaseModel):
    """A command and how far it has come."""

    model_config = example(
        id="0198f3c2a7b04d3f",
        device="sl-000001",
        point="lamp_on",
        value=True,
        state="done",
        error="",
        asked_ms=1767571200000,
        sent_ms=1767571200040,
        ended_ms=1767571200700,
        expires_ms=1767571230000,
        issuer="lan",
    )

    id: str
    device: str
    point: str = Field(description="Field name")
    value: Value
    state: CommandState = Field(description="done: written and read back from the device")
    error: str
    asked_ms: Milliseconds
    sent_ms: Milliseconds | None
    ended_ms: Milliseconds | None
    expires_ms: Milliseconds
    revert_after_s: float | None = None
    issuer: str


class Commands(BaseModel):
    """Commands, newest first."""

    items: list[CommandModel]


def command_model(command: CommandRecord) -> CommandModel:
    """The command as the API tells it."""
    return CommandModel(
        id=command.id,
        device=command.device,
        point=command.field,
        value=command.value,
        state=command.state,
        error=command.error,
        asked_ms=command.asked_ms,
        sent_ms=command.sent_ms,
        ended_ms=command.ended_ms,
        expires_ms=command.expires_ms,
        revert_after_s=command.revert_after_s,
        issuer=command.issuer,
    )
