"""Events of the live view as server-sent events."""

from __future__ import annotations

from typing import Any, Final

import orjson

from cloud.api.models.alarms import alarm_model
from cloud.api.models.commands import command_model
from cloud.api.models.devices import gateway_model
from cloud.api.models.health import health_model
from cloud.live.events import DeviceChanged, Event, ReadingArrived
from cloud.live.health import HealthReport
from cloud.registry.port import AlarmRecord, CommandRecord, GatewayRecord
from telemetry.clock import Clock

HEART_BEAT: Final = b": still here\n\n"


def server_sent(kind: str, data: Any) -> bytes:
    """One event as it goes over the wire."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(data))


class EventCodec:
    """Encodes events as the API tells the same things in its lists."""

    def __init__(self, clock: Clock, version: str) -> None:
        self._clock = clock
        self._version = version

    def __call__(self, event: Event) -> bytes:
        """The event as it goes over the wire."""
        match event:
            case ReadingArrived():
                return server_sent("reading", _reading(event))
            case DeviceChanged():
                return server_sent("device", {"id": event.device, "state": event.state})
            case GatewayRecord():
                return server_sent("gateway", gateway_model(event).model_dump(mode="json"))
            case AlarmRecord():
                model = alarm_model(event, self._clock.now_ms())
                return server_sent("alarm", model.model_dump(mode="json"))
            case CommandRecord():
                return server_sent("command", command_model(event).model_dump(mode="json"))
            case HealthReport():
                return server_sent("health", health_model(event, self._version).model_dump(mode="json"))


def _reading(event: ReadingArrived) -> dict[str, Any]:
    return {
        "device": event.device,
        "class": event.device_class,
        "gateway": event.gateway,
        "time_ms": event.time_ms,
        "fields": {
            name: {"value": sample.value, "quality": int(sample.quality)}
            for name, sample in event.fields.items()
        },
    }
