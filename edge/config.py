"""What a technician writes for a gateway: buses, devices, and the instruments that they are made of.

The file is checked in two steps: each field by itself, then everything against the classes and profiles of
the library (`edge.decoding.binding`). Both name file, line and field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from edge.programs.config import Calendar, Program
from telemetry.devices.profiles import Canonical
from telemetry.devices.writing import WriteRule
from telemetry.errors import ConfigError, Problem
from telemetry.mqtt import Broker
from telemetry.sparkplug.topics import ID_PATTERN
from telemetry.yaml_files import load_yaml, problem_at


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _is_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise ValueError(
            f"{text!r} is no id: 3 to 41 small letters, digits and hyphens, not beginning with a hyphen"
        )
    return text


_SHARE: Final = re.compile(r"\d{1,3}(\.\d+)? ?%")
Id = Annotated[str, AfterValidator(_is_id)]


class BrokerConfig(_Data):
    """Where the gateway sends to. The password stands in a file of its own."""

    url: Annotated[str, Field(pattern=r"mqtts?://[^\s/]+/?")]
    protocol: Literal[4, 5] = 5
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keep_alive_s: int = Field(default=60, ge=5, le=3600)
    reconnect_first_s: float = Field(default=5, ge=0, le=600)
    """A lost connection is renewed after 0 … this; give it 0.01 s for each gateway of the fleet."""
    reconnect_longest_s: float = Field(default=60, gt=0, le=3600)
    standby_urls: tuple[Annotated[str, Field(pattern=r"mqtts?://[^\s/]+/?")], ...] = ()
    """Other brokers of the same fleet, in the order in which they are tried while `url` does not answer."""
    command_qos: Literal[0, 1] = 1
    """Of the subscription of commands: 1 by the standard, 0 on a NATS cluster, which keeps books on each."""
    look_for_first_s: float = Field(default=150, ge=1, le=86_400)
    """While a standby broker serves, `url` is looked at this often; two answers bring the gateway back."""

    def to_broker(self, url: str | None = None) -> Broker:
        """The broker with its password read; one of `standby_urls` where `url` names it.

        Raises:
            ConfigError: the password file cannot be read.
        """
        password = None
        if self.password_file is not None:
            try:
                password = self.password_file.read_text(encoding="utf-8").strip()
            except OSError as failure:
                cause = f"cannot be read: {failure.strerror}"
                raise ConfigError(self.password_file, [Problem(0, "", cause)]) from failure
        return Broker(
            url=url or self.url,
            protocol=self.protocol,
            username=self.username,
            password=password,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            keep_alive_s=self.keep_alive_s,
        )


class SpoolConfig(_Data):
    """How much unsent data the gateway keeps."""

    max_bytes: int = Field(default=500_000_000, ge=1_000_000)
    max_age_days: float = Field(default=60, gt=0)
    keep_stored_days: float = Field(default=0, ge=0)
    """How long acknowledged batches stay readable."""
    commit_every_ms: int = Field(default=250, ge=0, le=10_000)


class TrialConfig(_Data):
    """What a new configuration must show before it is kept; the one that runs sets it for the next."""

    probation_s: float = Field(default=300, ge=1, le=86_400)
    """Time by which it must have proven itself; after that the former one runs again."""
    settle_s: float = Field(default=30, ge=0.5, le=3600)
    """It is not kept sooner than this."""
    good_share: float = Field(default=0.95, ge=0, le=1)
    """Share of the points that were good before and must be good again."""


class _Serial(_Data):
    id: Id
    port: str = Field(min_length=1)
    """Serial device, best `/dev/serial/by-path/…`, which does not change with the order of plugging."""
    baud: int = Field(default=9600, ge=300, le=4_000_000)
    parity: Literal["N", "E", "O"] = "N"
    data_bits: Literal[7, 8] = 8
    stop_bits: Literal[1, 2] = 1

    @property
    def place(self) -> str:
        """What two buses must not share."""
        return self.port

    @property
    def bits_per_character(self) -> int:
        """Start, data, parity and stop bits."""
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits


class RtuBusConfig(_Serial):
    """Modbus RTU on a serial port."""

    kind: Literal["modbus-rtu"]
    timeout_s: float = Field(default=0.5, gt=0, le=30)


class SerialBusConfig(_Serial):
    """A serial port with an instrument that talks by itself, or several that answer when asked."""

    kind: Literal["serial"]


class TcpServerBusConfig(_Data):
    """A TCP port on which instruments call the gateway: vehicle trackers."""

    id: Id
    kind: Literal["tcp-server"]
    host: str = Field(default="0.0.0.0", min_length=1)  # noqa: S104, trackers come from outside
    port: int = Field(ge=1, le=65535)
    most_calls: int = Field(default=200, ge=1, le=10_000)
    """Connections at once; further ones are refused."""

    @property
    def place(self) -> str:
        """What two buses must not share."""
        return f"{self.host}:{self.port}"


class GpioBusConfig(_Data):
    """Digital inputs of the gateway's own board: contacts and pulse meters."""

    id: Id
    kind: Literal["gpio"]
    chip: str = Field(default="/dev/gpiochip0", min_length=1)
    """GPIO character device."""

    @property
    def place(self) -> str:
        """What two buses must not share."""
        return self.chip


class TcpBusConfig(_Data):
    """Modbus TCP, or Modbus RTU inside TCP through a transparent serial server."""

    id: Id
    kind: Literal["modbus-tcp", "modbus-rtu-over-tcp"]
    host: str = Field(min_length=1)
    port: int = Field(default=502, ge=1, le=65535)
    timeout_s: float = Field(default=1.0, gt=0, le=30)
    pipeline: int = Field(default=1, ge=1, le=4)
    """Requests that may be under way at once; more than one only where the server bears it."""

    @model_validator(mode="after")
    def _numbers_tell_answers_apart(self) -> Self:
        if self.pipeline > 1 and self.kind != "modbus-tcp":
            raise ValueError("pipeline: only answers of modbus-tcp say which request they belong to")
        return self

    @property
    def place(self) -> str:
        """What two buses must not share."""
        return f"{self.host}:{self.port}"


BusConfig = Annotated[
    RtuBusConfig | TcpBusConfig | SerialBusConfig | TcpServerBusConfig | GpioBusConfig,
    Field(discriminator="kind"),
]
ModbusBusConfig = RtuBusConfig | TcpBusConfig
MODBUS_KINDS: Final = ("modbus-rtu", "modbus-tcp", "modbus-rtu-over-tcp")


class InstrumentConfig(_Data):
    """One Modbus unit or serial line of a device."""

    profile: str
    bus: str
    unit_id: int | None = Field(default=None, ge=1, le=255)
    """Modbus unit; the profile's where it is left out."""
    base: int = Field(default=0, ge=0, le=0xFFFF)
    """Address at which the instrument starts, in profiles whose instruments share a unit (DALI gateways)."""
    every_s: float = Field(default=10, ge=0.05, le=86_400)
    slow_s: dict[str, Annotated[float, Field(gt=0, le=86_400)]] = {}
    """Profile key → seconds, for points that are to be read more rarely than the others."""
    map: dict[str, Canonical | None] = {}
    """Profile key → metric, or {point, factor, offset}, or null to drop."""
    options: dict[str, Any] = {}
    """Replaces single options of the profile's driver."""
    fail_safe: dict[str, float] = {}
    """Profile key → value in the profile's unit, written by `kega edge commission`: what the instrument does
    by itself when the gateway falls silent."""
    allow_unproven: bool = False
    """Use a profile that has never been proven on a real unit."""

    @field_validator("map", mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: {"point": each} if isinstance(each, str) else each for key, each in value.items()}


class ReportConfig(_Data):
    """When one point of a device is worth a message."""

    dead_band: float | str | None = None
    """A change of no more than this is none: in the point's unit (0.5), or of its value ("2 %")."""
    heartbeat_s: float | None = Field(default=None, gt=0, le=86_400)
    """Sent at least this often, changed or not."""

    @field_validator("dead_band")
    @classmethod
    def _is_band(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, str) and not _SHARE.fullmatch(value):
            raise ValueError(f"{value!r} is no dead-band: a number in the point's unit, or as in '2 %'")
        if isinstance(value, int | float) and not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{value:g} is no dead-band: it is never negative")
        return value

    @property
    def band(self) -> tuple[float, bool]:
        """The dead-band, and whether it is a share of the value."""
        if isinstance(self.dead_band, str):
            return float(self.dead_band.rstrip(" %")) / 100, True
        return self.dead_band or 0.0, False


class TimeConfig(_Data):
    """Whom the gateway believes what time it is."""

    trust_machine_clock: bool | None = None
    """Whether the machine's clock is right from its start on, without NTP: it has a battery of its own, or is
    that of a virtual machine. Found out where it is left out."""


class DeviceConfig(_Data):
    """One asset: a lamp pole, a meter, a station, a truck."""

    id: Id
    device_class: Annotated[str, Field(alias="class")]
    title: str = ""
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    settle_s: dict[str, Annotated[float, Field(gt=0, le=3600)]] = {}
    """Metric → seconds until a written value shows in the read-back: the travel time of a valve, for one."""
    commands: dict[str, WriteRule] = {}
    """Metric → how it may be written on this device, nearer than what its class and profile say."""
    lockout: str = ""
    """Boolean metric that tells of local control; the class's where it is left out."""
    report: dict[str, ReportConfig] = {}
    """Metric → when it is worth a message; the class's dead-band and rhythm where it is left out."""
    instruments: Annotated[list[InstrumentConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def _position_is_whole(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together: give both or neither")
        return self


class GatewayConfig(_Data):
    """Everything that one gateway needs to know."""

    gateway: Id
    area: Id
    title: str = ""
    broker: BrokerConfig
    state_dir: Path
    """Where spool and journal live; relative to the configuration's folder."""
    primary_host: str | None = None
    accept_plain_commands: bool = False
    """Whether commands without id and expiry, from plain Sparkplug tools, are obeyed."""
    spool: SpoolConfig = SpoolConfig()
    configuration: TrialConfig = TrialConfig()
    time: TimeConfig = TimeConfig()
    report_by_exception: bool = True
    """Whether what has not changed is left out until its heartbeat; false: everything with every scan."""
    buses: list[BusConfig] = []
    devices: list[DeviceConfig] = []
    time_zone: str = "Asia/Ho_Chi_Minh"
    """Of the times of day in programs."""
    groups: dict[str, list[Id]] = {}
    """Lamps that are named together in programs."""
    calendars: dict[str, Calendar] = {}
    programs: list[Program] = []
    """What lamps do by themselves."""

    @property
    def bus_by_id(self) -> dict[str, BusConfig]:
        """Buses by id."""
        return {bus.id: bus for bus in self.buses}


Cause = tuple[tuple[int | str, ...], str]
"""A fault found across fields: path of the field, and what is wrong."""


def load_gateway_config(
    file: Path,
    cross_check: Callable[[GatewayConfig], list[Cause]] | None = None,
    *,
    folder: Path | None = None,
) -> GatewayConfig:
    """The configuration in `file`, with its paths made absolute.

    Args:
        file: YAML.
        folder: what relative paths mean; the folder of `file` where it is left out.
        cross_check: finds faults across fields; `edge.decoding.binding.load_gateway` gives the library's.

    Raises:
        ConfigError: the file is wrong; names line and field of every fault.
    """
    config = load_yaml(file, GatewayConfig)
    causes = duplicates(config) + (cross_check(config) if cross_check else [])
    if causes:
        text = file.read_text(encoding="utf-8")
        problems = [problem_at(text, path, cause) for path, cause in causes]
        raise ConfigError(file, sorted(problems, key=lambda problem: (problem.line, problem.field)))
    return _absolute(config, folder or file.resolve().parent)


def duplicates(config: GatewayConfig) -> list[Cause]:
    """Ids given twice, ports shared by two buses, references to buses that do not exist."""
    causes: list[Cause] = []
    ids: dict[str, str] = {}
    places: dict[str, str] = {}
    for number, bus in enumerate(config.buses):
        if bus.id in ids:
            causes.append((("buses", number, "id"), f"{bus.id!r} is given twice"))
        ids[bus.id] = bus.id
        if bus.place in places:
            cause = f"{bus.place} is already bus {places[bus.place]!r}: one line, one bus"
            causes.append((("buses", number, "port"), cause))
        places.setdefault(bus.place, bus.id)
    devices: set[str] = set()
    for number, device in enumerate(config.devices):
        if device.id in devices:
            causes.append((("devices", number, "id"), f"{device.id!r} is given twice"))
        devices.add(device.id)
        for place, instrument in enumerate(device.instruments):
            if instrument.bus not in ids:
                path = ("devices", number, "instruments", place, "bus")
                known = ", ".join(sorted(ids)) or "there are none"
                causes.append((path, f"no bus {instrument.bus!r} (known: {known})"))
    return causes


def _absolute(config: GatewayConfig, folder: Path) -> GatewayConfig:
    files = ("password_file", "ca_file", "cert_file", "key_file")
    paths = {name: getattr(config.broker, name) for name in files}
    broker = config.broker.model_copy(
        update={name: folder / path for name, path in paths.items() if path is not None}
    )
    return config.model_copy(update={"state_dir": folder / config.state_dir, "broker": broker})
