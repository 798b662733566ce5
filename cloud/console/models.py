"""What the console reads from the API; fields that it does not need are left out, unknown ones ignored."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from telemetry.devices.classes import Severity, Text
from telemetry.readings import Quality, Value

GOOD: Final = int(Quality.GOOD)

DeviceState = Literal["online", "stale", "offline"]
AlarmState = Literal["raised", "acknowledged", "cleared", "closed", "shelved"]
CommandState = Literal["asked", "sent", "accepted", "done", "rejected", "failed", "expired"]
FINAL_STATES: Final[frozenset[str]] = frozenset({"done", "rejected", "failed", "expired"})


def _quality_code(raw: object) -> object:
    return int(Quality[raw.upper()]) if isinstance(raw, str) and raw.upper() in Quality.__members__ else raw


class ApiModel(BaseModel):
    """Frozen, and tolerant of fields that a newer API adds."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Me(ApiModel):
    """The person of a session."""

    name: str
    role: Literal["viewer", "operator", "admin"]

    @property
    def may_operate(self) -> bool:
        """Whether controls are shown at all; the API decides at each call all the same."""
        return self.role != "viewer"


class Sample(ApiModel):
    """A value with its time and quality."""

    value: Value = None
    time_ms: int
    quality: Annotated[int, BeforeValidator(_quality_code)] = GOOD

    @property
    def is_good(self) -> bool:
        """Whether the value may be believed."""
        return self.quality == GOOD and self.value is not None


class PointInfo(ApiModel):
    """A point of a class or of a device."""

    field: str
    metric: str
    type: Literal["boolean", "int32", "int64", "double", "string", "datetime"]
    unit: str | None = None
    title: Text
    writable: bool = False
    headline: bool = False
    decimals: int = 1
    range: tuple[float, float] | None = None
    states: dict[int, Text] | None = None
    latest: Sample | None = None


class ClassInfo(ApiModel):
    """A device class."""

    id: str = Field(alias="class")
    title: Text
    icon: str = "sensors"
    expected_every_s: float = 60
    points: tuple[PointInfo, ...] = ()


class Gateway(ApiModel):
    """A gateway; only what the overview counts."""

    id: str
    online: bool = False


class Device(ApiModel):
    """A device as listed; `points` only when asked for by its id."""

    id: str
    device_class: str = Field(alias="class")
    title: str = ""
    area: str = ""
    gateway: str = ""
    latitude: float | None = None
    longitude: float | None = None
    model: str = ""
    admission: Literal["discovered", "accepted", "retired"] = "accepted"
    state: DeviceState = "offline"
    last_seen_ms: int | None = None
    points: tuple[PointInfo, ...] = ()

    @property
    def name(self) -> str:
        """The title, or the id where a birth gave none."""
        return self.title or self.id


class Alarm(ApiModel):
    """A state that somebody must end."""

    id: int
    device: str
    gateway: str = ""
    rule: str = ""
    severity: Severity = Severity.MINOR
    state: AlarmState
    active: bool = True
    acknowledged: bool = False
    text: Text
    advice: Text = Text(vi="", en="")
    raised_ms: int
    acknowledged_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it belongs in the list: active, or not yet acknowledged, and not put aside."""
        return self.state in ("raised", "acknowledged", "cleared")


class Command(ApiModel):
    """A command and how far it has come."""

    id: str
    device: str
    point: str
    value: Value = None
    state: CommandState
    error: str | None = None
    asked_ms: int
    sent_ms: int | None = None
    ended_ms: int | None = None
    expires_ms: int
    issuer: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINAL_STATES


class LatestReading(ApiModel):
    """The newest values of one device, or one event of the stream."""

    device: str
    gateway: str = ""
    time_ms: int | None = None
    fields: dict[str, Sample] = {}


class HistorySample(ApiModel):
    """One point of a chart."""

    time_ms: int
    value: float | None = None
    quality: Annotated[int, BeforeValidator(_quality_code)] = GOOD
