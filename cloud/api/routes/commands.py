"""Commands to devices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from cloud.api.access import Commander, Reader
from cloud.api.context import In
from cloud.api.models.commands import CommandModel, Commands, Order, command_model
from cloud.api.models.common import Id
from cloud.control.submit import submit
from cloud.errors import NotFound

router = APIRouter(tags=["commands"])


@router.post("/commands", status_code=202)
async def order(given: Order, who: Commander, context: In) -> CommandModel:
    """Ask for a command. 202 means that it is on its way; watch its `state`, by `GET` or in the stream."""
    record = await context.threads.run(
        submit,
        context.registry,
        context.classes,
        given.device,
        given.point,
        given.value,
        ttl_s=given.ttl_s,
        revert_after_s=given.revert_after_s,
        issuer=who.name,
        reason=(given.reason or "").strip(),
        clock=context.clock,
    )
    return command_model(record)


@router.get("/commands")
async def commands(
    _who: Reader,
    context: In,
    *,
    device: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Commands:
    """Commands, newest first."""
    records = await context.threads.run(context.registry.commands, device=device, limit=limit)
    return Commands(items=[command_model(each) for each in records])


@router.get("/commands/{command}")
async def one_command(
    command: Annotated[str, Path(min_length=1, max_length=64)], _who: Reader, context: In
) -> CommandModel:
    """A command and how far it has come."""
    record = await context.threads.run(context.registry.command, command)
    if record is None:
        raise NotFound(f"no command {command}: list the commands with GET /api/v1/commands")
    return command_model(record)
