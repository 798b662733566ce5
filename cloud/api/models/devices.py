"""Classes, gateways and devices."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from cloud.api.models.common import Milliseconds, Text, Timed, example
from cloud.configuration.port import GatewayHealth
from cloud.live.state import DeviceState
from cloud.live.view import LiveView
from cloud.registry.port import Admission, DeviceRecord, GatewayRecord, PointRecord
from telemetry.devices.classes import DeviceClass, Point
from telemetry.devices.classes import Text as ClassText


class PointModel(BaseModel):
    """One thing that a device measures or can be told."""

    field: str = Field(examples=["power_active"])
    metric: str = Field(examples=["Power/Active"])
    type: str = Field(examples=["double"])
    unit: str = Field(description="UCUM code", examples=["W"])
    title: Text
    writable: bool
    headline: bool
    decimals: int
    range: tuple[float, float] | None = Field(description="Smallest and largest possible value")
    states: dict[int, Text] | None = Field(description="Names of an enumeration's values")


class DevicePoint(PointModel):
    """A point with its newest value."""

    latest: Timed | None


class ClassModel(BaseModel):
    """What every device of a kind offers."""

    device_class: str = Field(alias="class", serialization_alias="class", examples=["streetlight"])
    title: Text
    icon: str = Field(description="Name of a Material icon", examples=["lightbulb"])
    expected_every_s: float = Field(description="A device silent for three times this long is stale")
    points: list[PointModel]


class Classes(BaseModel):
    """All device classes."""

    items: list[ClassModel]


class GatewayModel(BaseModel):
    """A gateway."""

    model_config = example(
        id="eg-0001",
        area="p060",
        online=True,
        last_seen_ms=1767571200000,
        spool_depth=0,
        spool_dropped=0,
        software="0.1.0",
    )

    id: str
    area: str
    online: bool
    last_seen_ms: Milliseconds | None
    spool_depth: int | None = Field(description="Batches that wait on the gateway for their acknowledgement")
    spool_dropped: int | None = Field(description="Readings that the gateway had to give up")
    software: str
    health_ms: Milliseconds | None = Field(default=None, description="When the gateway told its health last")
    health: dict[str, bool | int | float | str | None] = Field(
        default={}, description="Figures of the gateway's health by metric name (docs/supervision.md)"
    )


class Gateways(BaseModel):
    """All gateways."""

    items: list[GatewayModel]


class DeviceModel(BaseModel):
    """A device."""

    model_config = example(
        **{"class": "streetlight"},
        id="sl-000001",
        title="Cột đèn 1, Lê Duẩn",
        area="p060",
        gateway="eg-0001",
        latitude=10.93,
        longitude=108.1,
        model="Eastron SDM120",
        admission="accepted",
        state="online",
        last_seen_ms=1767571200000,
    )

    id: str
    device_class: str = Field(alias="class", serialization_alias="class")
    title: str
    area: str
    gateway: str
    latitude: float | None
    longitude: float | None
    model: str
    admission: Admission
    state: DeviceState
    last_seen_ms: Milliseconds | None


class Devices(BaseModel):
    """A page of devices, in order of id."""

    items: list[DeviceModel]
    next: str | None = Field(description="Give it as `after` to get the next page; null at the end")


class MapGroup(BaseModel):
    """Devices near each other."""

    latitude: float
    longitude: float
    count: int
    online: int


class MapDevice(BaseModel):
    """A device on the map."""

    id: str
    device_class: str = Field(alias="class", serialization_alias="class")
    title: str
    latitude: float | None
    longitude: float | None
    state: DeviceState


class DevicesOnMap(BaseModel):
    """Groups where a part of the map holds many devices, else the devices; one of the two is empty."""

    groups: list[MapGroup]
    devices: list[MapDevice]


class DeviceWithPoints(DeviceModel):
    """A device, what it offers, and its newest values."""

    model_config = ConfigDict(json_schema_extra=None)

    points: list[DevicePoint]


def class_model(device_class: DeviceClass) -> ClassModel:
    """The class as the API tells it."""
    return ClassModel(
        **{"class": device_class.id},
        title=_text(device_class.title),
        icon=device_class.icon,
        expected_every_s=device_class.expected_every_s,
        points=[_point(point) for point in device_class.points],
    )


def gateway_model(gateway: GatewayRecord, health: GatewayHealth | None = None) -> GatewayModel:
    """The gateway as the API tells it."""
    return GatewayModel(
        id=gateway.id,
        area=gateway.area,
        online=gateway.online,
        last_seen_ms=gateway.last_seen_ms,
        spool_depth=gateway.spool_depth,
        spool_dropped=gateway.spool_dropped,
        software=gateway.software,
        health_ms=None if health is None else health.time_ms,
        health={} if health is None else dict(health.figures),
    )


def device_model(device: DeviceRecord, view: LiveView, now_ms: int) -> DeviceModel:
    """The device as the API tells it."""
    return DeviceModel(**_device_fields(device, view, now_ms))


def device_with_points(
    device: DeviceRecord, view: LiveView, device_class: DeviceClass | None, now_ms: int
) -> DeviceWithPoints:
    """The device with the points that its birth declared, described by its class where that knows them."""
    live = view.device(device.id)
    known = {} if device_class is None else device_class.by_metric
    points = []
    for declared in device.points:
        point = known.get(declared.metric)
        told = _bare_point(declared) if point is None else _point(point)
        sample = None if live is None else live.fields.get(declared.field)
        latest = (
            None
            if sample is None
            else Timed(value=sample.value, time_ms=sample.time_ms, quality=int(sample.quality))
        )
        points.append(DevicePoint(**told.model_dump(), latest=latest))
    return DeviceWithPoints(**_device_fields(device, view, now_ms), points=points)


def _device_fields(device: DeviceRecord, view: LiveView, now_ms: int) -> dict[str, object]:
    return {
        "id": device.id,
        "class": device.device_class,
        "title": device.title,
        "area": device.area,
        "gateway": device.gateway,
        "latitude": device.latitude,
        "longitude": device.longitude,
        "model": device.model,
        "admission": device.admission,
        "state": view.state(device, now_ms),
        "last_seen_ms": device.last_seen_ms,
    }


def _point(point: Point) -> PointModel:
    return PointModel(
        field=point.field,
        metric=point.metric,
        type=point.type.value,
        unit=point.unit,
        title=_text(point.title),
        writable=point.writable,
        headline=point.headline,
        decimals=point.decimals,
        range=point.range,
        states=None
        if point.states is None
        else {value: _text(title) for value, title in point.states.items()},
    )


def _bare_point(point: PointRecord) -> PointModel:
    return PointModel(
        field=point.field,
        metric=point.metric,
        type=point.type,
        unit=point.unit,
        title=Text(vi=point.metric, en=point.metric),
        writable=False,
        headline=False,
        decimals=1,
        range=None,
        states=None,
    )


def _text(text: ClassText) -> Text:
    return Text(vi=text.vi, en=text.en)
