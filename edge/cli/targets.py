"""What a technician wants to read: a device of a configuration, or any instrument on a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from edge.config import BusConfig
    from edge.decoding.binding import BoundInstrument
    from telemetry.devices.profiles import Profile


@dataclass(frozen=True)
class Target:
    """Instruments of one line, and which of their points are wanted."""

    bus: BusConfig
    instruments: tuple[BoundInstrument, ...]
    wanted: tuple[str, ...]
    """Profile keys or metric names; empty for all."""

    def keys(self, instrument: BoundInstrument) -> frozenset[str]:
        """The wanted points of an instrument that can be read."""
        from telemetry.devices.profiles import Access

        readable = {p.key for p in instrument.profile.expanded if p.access is not Access.WRITE}
        if not self.wanted:
            return frozenset(readable)
        metrics = {mapping.metric: mapping.key for mapping in instrument.mappings}
        return frozenset(readable & {metrics.get(name, name) for name in self.wanted})


@dataclass(frozen=True)
class TargetOptions:
    """What stands on the command line."""

    config: Path | None
    device: str | None
    profile: str | None
    tcp: str | None
    rtu_tcp: str | None
    port: str | None
    baud: int | None
    parity: Literal["N", "E", "O"] | None
    stop_bits: Literal["1", "2"] | None
    unit: int | None
    base: int
    timeout: float | None
    settings: tuple[str, ...]
    points: tuple[str, ...]


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a target; it gets them as `options`."""

    @click.argument("points", nargs=-1)
    @click.option(
        "--config", type=click.Path(path_type=Path), help="Gateway configuration that knows the device."
    )
    @click.option("--device", help="Id of a device of the configuration.")
    @click.option("--profile", help="Profile of an instrument that no configuration knows.")
    @click.option("--tcp", metavar="HOST:PORT", help="Modbus TCP.")
    @click.option("--rtu-tcp", metavar="HOST:PORT", help="Modbus RTU through a transparent serial server.")
    @click.option("--port", metavar="DEVICE", help="Serial port, such as /dev/ttyUSB0.")
    @click.option("--baud", type=int, help="Speed; the profile's where it is left out.")
    @click.option("--parity", type=click.Choice(["N", "E", "O"]), help="Parity; the profile's otherwise.")
    @click.option("--stop-bits", type=click.Choice(["1", "2"]), help="Stop bits; the profile's otherwise.")
    @click.option("--unit", type=click.IntRange(1, 255), help="Modbus unit; the profile's otherwise.")
    @click.option("--base", type=click.IntRange(0, 65535), default=0, help="Start of a DALI luminaire.")
    @click.option(
        "--option",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Replaces an option of the profile: address=3.",
    )
    @click.option("--timeout", type=click.FloatRange(0.02, 30), help="Seconds to wait for an answer.")
    @wraps(command)
    def with_target(**arguments: Any) -> Any:
        names = TargetOptions.__dataclass_fields__
        chosen = {name: arguments.pop(name) for name in names}
        return command(options=TargetOptions(**chosen), **arguments)

    return with_target


def find_targets(options: TargetOptions) -> list[Target]:
    """The lines and instruments that the command line means.

    Raises:
        click.UsageError: it names nothing, or too much.
        KegaError: the configuration or profile is wrong or unknown.
    """
    lines = [each for each in (options.tcp, options.rtu_tcp, options.port) if each]
    if options.config is not None:
        if options.profile or lines or not options.device:
            raise click.UsageError("--config needs --device, and neither --profile nor a line")
        return _of_config(options.config, options.device, options.points)
    if not options.profile or len(lines) != 1:
        raise click.UsageError(
            "say what to read: --config FILE --device ID, or --profile P with one of --tcp, --rtu-tcp, --port"
        )
    return [_ad_hoc(options)]


def _of_config(file: Path, device_id: str, points: tuple[str, ...]) -> list[Target]:
    from edge.decoding.binding import load_gateway
    from telemetry.devices.library import Library
    from telemetry.errors import KegaError

    gateway = load_gateway(file, Library.shipped())
    device = gateway.by_id.get(device_id)
    if device is None:
        raise KegaError(
            f"{file} has no device {device_id!r}; it has {', '.join(sorted(gateway.by_id)) or 'none'}"
        )
    by_bus: dict[str, list[BoundInstrument]] = {}
    for instrument in device.instruments:
        by_bus.setdefault(instrument.bus, []).append(instrument)
    targets = [
        Target(gateway.config.bus_by_id[bus], tuple(instruments), points)
        for bus, instruments in by_bus.items()
    ]
    _check_points(targets, points)
    return targets


def _ad_hoc(options: TargetOptions) -> Target:
    from edge.config import RtuBusConfig, SerialBusConfig, TcpBusConfig
    from edge.decoding.binding import lone_instrument
    from edge.drivers.registry import MODBUS, find_driver, line_kind
    from telemetry.devices.library import Library

    library = Library.shipped()
    assert options.profile is not None
    profile = with_options(library.profile(options.profile).at(options.base), options.settings)
    if profile.disabled:
        click.echo(f"note: {profile.id} is not proven: {profile.disabled}", err=True)
    instrument = lone_instrument(profile, library.classes[profile.device_class], options.unit)
    is_modbus = profile.driver == MODBUS
    if not is_modbus and line_kind(find_driver(profile.driver)) != "serial":
        raise click.UsageError(f"{profile.id} is on no serial line: give --config and --device")
    bus: RtuBusConfig | TcpBusConfig | SerialBusConfig
    if options.port:
        line = profile.serial
        settings: dict[str, Any] = {
            "id": "line",
            "port": options.port,
            "baud": options.baud or (line.baud if line else 9600),
            "parity": options.parity or (line.parity if line else "N"),
            "stop_bits": int(options.stop_bits) if options.stop_bits else (line.stop_bits if line else 1),
            "data_bits": line.data_bits if line else 8,
        }
        if is_modbus:
            bus = RtuBusConfig(kind="modbus-rtu", timeout_s=options.timeout or 0.5, **settings)
        else:
            bus = SerialBusConfig(kind="serial", **settings)
    else:
        if not is_modbus:
            raise click.UsageError(f"{profile.id} is read on a serial line: give --port")
        host, port = _host_and_port(options.tcp or options.rtu_tcp or "")
        bus = TcpBusConfig(
            id="line",
            kind="modbus-tcp" if options.tcp else "modbus-rtu-over-tcp",
            host=host,
            port=port,
            timeout_s=options.timeout or 1.0,
        )
    target = Target(bus, (instrument,), options.points)
    _check_points([target], options.points)
    return target


def with_options(profile: Profile, settings: tuple[str, ...]) -> Profile:
    """`profile` with options replaced by texts such as `address=3`. Raises click.UsageError."""
    import yaml

    chosen: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or name not in profile.options:
            known = ", ".join(profile.options) or "none"
            raise click.UsageError(f"--option {text}: {profile.id} has the options {known}")
        is_text = isinstance(profile.options[name], str)
        try:
            chosen[name] = value if is_text else yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise click.UsageError(f"--option {text}: {value!r} is no value") from error
    return profile.model_copy(update={"options": {**profile.options, **chosen}}) if chosen else profile


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, 502
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.UsageError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _check_points(targets: list[Target], points: tuple[str, ...]) -> None:
    for name in points:
        if not any(_has(instrument, name) for target in targets for instrument in target.instruments):
            known = sorted({key for t in targets for i in t.instruments for key in i.profile.by_key})
            raise click.UsageError(f"no point {name!r}; there are {', '.join(known)}")


def _has(instrument: BoundInstrument, name: str) -> bool:
    return name in instrument.profile.by_key or name in instrument.by_metric
