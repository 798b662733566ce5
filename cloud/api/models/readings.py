"""Values: the newest of each field, and the past of one."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cloud.api.models.common import Milliseconds, Timed, example
from cloud.live.state import DeviceState
from cloud.store.port import Aggregate


class LatestReading(BaseModel):
    """The newest values of one device."""

    model_config = example(
        **{"class": "streetlight"},
        device="sl-000001",
        gateway="eg-0001",
        state="online",
        fresh=True,
        time_ms=1767571200000,
        fields={"power_active": {"value": 61.5, "time_ms": 1767571200000, "quality": 192}},
    )

    device: str
    device_class: str = Field(alias="class", serialization_alias="class")
    gateway: str
    state: DeviceState
    fresh: bool = Field(description="Whether the values may be taken for the present: the state is online")
    time_ms: Milliseconds | None = Field(description="Time of the newest value")
    fields: dict[str, Timed]


class LatestReadings(BaseModel):
    """The newest values of many devices."""

    items: list[LatestReading]


class Readings(BaseModel):
    """One point of one device over a time."""

    model_config = example(
        device="sl-000001",
        point="power_active",
        unit="W",
        every_ms=600000,
        fn="mean",
        samples=[{"time_ms": 1767571200000, "value": 61.5, "quality": 192}],
    )

    device: str
    point: str
    unit: str
    every_ms: int | None = Field(description="Length of an interval; null for values as they were measured")
    fn: Aggregate | None
    samples: list[Timed]
