"""sim.yaml: what a simulator serves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from simulators.errors import SimConfigError
from telemetry.devices.profiles import Canonical
from telemetry.yaml_files import load_yaml

DATA: Final = Path(__file__).parent / "data"
ID: Final = r"[a-z0-9][a-z0-9-]{2,40}"
LINE_ID: Final = r"[a-z0-9][a-z0-9/-]{0,80}"


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class WeatherCsv(_Data):
    """A file of hourly temperature (°C) and humidity (%), in local time."""

    file: Path
    time: str = "time"
    temperature: str = "temperature"
    humidity: str = "humidity"


class AirColumns(_Data):
    """One station's columns, µg/m³."""

    pm2_5: str
    pm10: str
    no2: str


class AirCsv(_Data):
    """A file of hourly air pollution of one or more stations, in local time."""

    file: Path
    time: str = "time"
    stations: Annotated[list[AirColumns], Field(min_length=1)]


class RtuLineSettings(_Data):
    """Modbus RTU on a pseudo-terminal."""

    id: Annotated[str, Field(pattern=LINE_ID)]
    kind: Literal["modbus-rtu"]
    link: Path
    """Path that a gateway opens; relative to the configuration's folder."""
    baud: int = Field(default=9600, ge=300, le=4_000_000)


class TcpLineSettings(_Data):
    """Modbus TCP."""

    id: Annotated[str, Field(pattern=LINE_ID)]
    kind: Literal["modbus-tcp"]
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    """0 takes a free one."""


class SerialLineSettings(_Data):
    """A pseudo-terminal with one instrument that talks by itself."""

    id: Annotated[str, Field(pattern=LINE_ID)]
    kind: Literal["serial"]
    link: Path


LineSettings = Annotated[RtuLineSettings | TcpLineSettings | SerialLineSettings, Field(discriminator="kind")]


class InstrumentSettings(_Data):
    """One instrument of a device."""

    profile: str
    line: str
    unit_id: int | None = Field(default=None, ge=1, le=255)
    """Modbus unit; the profile's where it is left out."""
    channel: int = Field(default=1, ge=1, le=8)
    """Which relay or output serves this device; devices with one board share its line and unit."""
    map: dict[str, Canonical | None] = {}
    """As in the gateway's configuration; only history needs it."""

    @field_validator("map", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: {"point": each} if isinstance(each, str) else each for key, each in value.items()}


class PlantSettings(_Data):
    """What the device stands on; what a class does not have is not used."""

    rated_w: float = Field(default=100.0, gt=0, le=10_000)
    """Streetlight: the lamp."""
    follows_sun: bool = True
    """Streetlight: whether a dusk switch moves the relay; without it only commands do."""
    demand_m3h: float = Field(default=12.0, gt=0, le=1000)
    """Water meter: what is drawn behind it, on average."""
    travel_s: float = Field(default=35.0, gt=0, le=600)
    """Water meter: time of the valve from end to end."""
    air_station: int = Field(default=0, ge=0)
    """Air station: which station of the air file it replays, counted from 0."""
    water_below_pct: float = Field(default=22.0, ge=10, le=30)
    """Farm sensor: soil moisture under which the timer waters."""
    route: str = ""
    """Truck: name of its route in the route file."""


class SimDeviceSettings(_Data):
    """One device with its instruments."""

    id: Annotated[str, Field(pattern=ID)]
    device_class: Annotated[str, Field(alias="class")]
    gateway: Annotated[str, Field(pattern=ID)]
    plant: PlantSettings = PlantSettings()
    instruments: Annotated[list[InstrumentSettings], Field(min_length=1)]


class SimSettings(_Data):
    """A whole simulator."""

    seed: int = 1
    control: Path = Path("sim.sock")
    latitude: float = Field(default=10.9289, ge=-60, le=60)
    """Where the sun is reckoned; nearer to the poles lamps would burn for months."""
    longitude: float = Field(default=108.1021, ge=-180, le=180)
    hours_from_utc: float = Field(default=7.0, ge=-12, le=14)
    weather_csv: WeatherCsv = WeatherCsv(file=DATA / "weather_hourly.csv")
    air_csv: AirCsv | None = None
    """The shipped file of twelve stations where it is left out."""
    air_factor: float = Field(default=1.0, gt=0, le=100)
    """Scales every concentration, for a file from a dirtier or cleaner place."""
    routes: Path = DATA / "truck_routes.geojson"
    lines: Annotated[list[LineSettings], Field(min_length=1)]
    devices: Annotated[list[SimDeviceSettings], Field(min_length=1)]

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        lines = {line.id: line for line in self.lines}
        for kind, names in (
            ("line", [line.id for line in self.lines]),
            ("device", [device.id for device in self.devices]),
            ("link", [str(line.link) for line in self.lines if not isinstance(line, TcpLineSettings)]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"{kind} given twice: {', '.join(twice)}")
        for device in self.devices:
            for instrument in device.instruments:
                if instrument.line not in lines:
                    raise ValueError(f"device {device.id}: no line {instrument.line!r}")
        return self

    @property
    def air(self) -> AirCsv:
        """The air file to replay."""
        return self.air_csv or _shipped_air()


_SHIPPED_STATIONS: Final = (
    "Aotizhongxin", "Changping", "Dingling", "Dongsi", "Guanyuan", "Gucheng", "Huairou",
    "Nongzhanguan", "Shunyi", "Tiantan", "Wanliu", "Wanshouxigong",
)  # fmt: skip


def _shipped_air() -> AirCsv:
    stations = [
        AirColumns(pm2_5=f"{name} PM2.5", pm10=f"{name} PM10", no2=f"{name} NO2")
        for name in _SHIPPED_STATIONS
    ]
    return AirCsv(file=DATA / "air_hourly.csv", stations=stations)


def load_settings(file: Path) -> SimSettings:
    """The settings in `file`, with its paths made absolute.

    Raises:
        SimConfigError: the file is wrong; names line and field of every fault.
    """
    settings = load_yaml(file, SimSettings, SimConfigError)
    folder = file.resolve().parent
    lines = [
        line
        if isinstance(line, TcpLineSettings)
        else line.model_copy(update={"link": _under(folder, line.link)})
        for line in settings.lines
    ]
    air = settings.air_csv
    return settings.model_copy(
        update={
            "control": _under(folder, settings.control),
            "weather_csv": settings.weather_csv.model_copy(
                update={"file": _under(folder, settings.weather_csv.file)}
            ),
            "air_csv": air and air.model_copy(update={"file": _under(folder, air.file)}),
            "routes": _under(folder, settings.routes),
            "lines": lines,
        }
    )


def _under(folder: Path, path: Path) -> Path:
    """`path` seen from `folder`; links on the way are kept, because gateways name them."""
    return folder / path
