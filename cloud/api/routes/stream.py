"""The live stream: server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from cloud.api.access import Reader, principal_of
from cloud.api.context import Context, In
from cloud.api.errors import ApiError
from cloud.api.events import HEART_BEAT, server_sent
from cloud.api.models.common import Id
from cloud.errors import Refused, RegistryUnavailable
from cloud.identity.errors import NotSignedIn
from cloud.live.hub import Wanted, Watcher

router = APIRouter(tags=["live"])

HEART_BEAT_S: Final = 15.0

_EXAMPLE: Final = (
    'event: reading\ndata: {"device":"sl-000001","class":"streetlight","gateway":"eg-0001",'
    '"time_ms":1767571200000,"fields":{"power_active":{"value":61.5,"quality":192}}}\n\n'
    'event: device\ndata: {"id":"sl-000001","state":"stale"}\n\n'
)
_DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}}}
}


@router.get("/stream", response_class=StreamingResponse, responses=_DOCUMENTED)
async def stream(
    _who: Reader,
    request: Request,
    context: In,
    *,
    device: Annotated[list[Id] | None, Query(max_length=1000, description="May be repeated")] = None,
    device_class: Annotated[
        list[str] | None, Query(alias="class", max_length=100, description="May be repeated")
    ] = None,
) -> StreamingResponse:
    """What happens, as it happens: events `reading`, `device`, `gateway`, `alarm`, `command`, `health`.

    A comment comes every 15 s as a heart-beat. Who reads too slowly loses the oldest events and is told how
    many by `event: lost`; then ask `readings/latest` anew.
    """
    wanted = Wanted(frozenset(device or ()), frozenset(device_class or ()))
    try:
        watcher = context.live.hub.join(wanted)
    except Refused as error:
        message, _, step = str(error).partition(": ")
        raise ApiError(503, "unavailable", message, step) from None
    return StreamingResponse(
        _events(watcher, request, context),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(watcher: Watcher, request: Request, context: Context) -> AsyncIterator[bytes]:
    clock = context.clock
    try:
        yield HEART_BEAT
        beat = clock.monotonic() + HEART_BEAT_S
        while not watcher.closed:
            events = await watcher.take(max(0.0, beat - clock.monotonic()))
            if lost := watcher.take_lost():
                yield server_sent("lost", {"count": lost})
            if events:
                yield b"".join(events)
            if clock.monotonic() >= beat:
                with contextlib.suppress(RegistryUnavailable):
                    await principal_of(request, context.people)
                yield HEART_BEAT
                beat = clock.monotonic() + HEART_BEAT_S
    except NotSignedIn:
        yield server_sent("signed-out", {})
    finally:
        context.live.hub.leave(watcher)
