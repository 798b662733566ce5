"""`kega sim`: simulated devices, and faults switched on while they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulators.load.cli import load

if TYPE_CHECKING:
    from simulators.province import Province
    from telemetry.devices.library import Library

_file = click.Path(path_type=Path, dir_okay=False)
_folder = click.Path(path_type=Path, file_okay=False)
_config = click.option("--config", type=_file, required=True, help="The simulator's configuration, sim.yaml.")
_control = click.option(
    "--control",
    type=_file,
    envvar="KEGA_SIM_CONTROL",
    help="Control socket of the simulator; the one started last where it is left out.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def sim() -> None:
    """Simulate devices, and break them."""


sim.add_command(load)


@sim.command()
@_config
@click.option("--log-json", is_flag=True, help="Write the log as JSON.")
def run(config: Path, log_json: bool) -> None:
    """Serve the devices of a configuration until Ctrl-C."""
    import asyncio

    from simulators.service import run as serve
    from telemetry.logs import configure_logging

    configure_logging(as_json=log_json)
    province, _ = _province(config)
    asyncio.run(serve(province, province.settings.control))


@sim.command()
@_control
@_as_json
def status(control: Path | None, as_json: bool) -> None:
    """Say how the running simulator is."""
    from simulators.control.protocol import AskStatus

    answer = _asked(control, AskStatus())
    if as_json:
        _print_json(answer)
        return
    requests = sum(line["requests"] for line in answer["lines"])
    click.echo(
        f"{answer['devices']} devices on {len(answer['lines'])} lines, seed {answer['seed']}, "
        f"up {answer['uptime_s']:.0f} s, {answer['memory_bytes'] / 1e6:.0f} MB, {requests} requests"
    )
    for line in answer["lines"]:
        click.echo(
            f"  {line['id']:<20} {line['requests']:>8} asked {line['replies']:>8} said "
            f"{line['spoilt']:>4} spoilt  {line['address']}"
        )
    _print_faults(answer["faults"])


class _FaultGroup(click.Group):
    """Every kind of fault is a command of its own: `kega sim fault lamp-out sl-000003`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from simulators.faults import Kind

        return [*super().list_commands(ctx), *(kind.value for kind in Kind)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        from simulators.faults import KINDS, kind_named

        kind = kind_named(cmd_name)
        options = [each for each in set_fault.params if each.name != "kind"]

        def begin(**given: Any) -> None:
            _begin(kind.value, **given)

        text = KINDS[kind].text
        return click.Command(kind.value, params=options, callback=begin, help=text, short_help=text)


@sim.group(cls=_FaultGroup)
def fault() -> None:
    """Break devices while they run, and mend them."""


@fault.command("set")
@click.argument("kind")
@click.argument("target")
@click.option("--for", "duration", help="How long: seconds, or 5m, 2h; until cleared where it is left out.")
@click.option("--strength", type=float, help="How much; kega sim fault list shows what it means.")
@_control
@_as_json
def set_fault(
    *,
    kind: str,
    target: str,
    duration: str | None,
    strength: float | None,
    control: Path | None,
    as_json: bool,
) -> None:
    """Begin fault KIND at TARGET, a device or a gateway."""
    _begin(kind, target=target, duration=duration, strength=strength, control=control, as_json=as_json)


def _begin(
    kind: str,
    *,
    target: str,
    duration: str | None,
    strength: float | None,
    control: Path | None,
    as_json: bool,
) -> None:
    from simulators.control.protocol import AskSet
    from simulators.faults import kind_named

    kind_named(kind)
    ask = AskSet(kind=kind, target=target, for_s=_seconds(duration), strength=strength)
    answer = _asked(control, ask)
    if as_json:
        _print_json(answer)
        return
    _print_faults(answer["begun"])
    for hint in answer["hints"]:
        click.echo(f"Note: {hint}.")


@fault.command("list")
@_control
@_as_json
def list_faults(control: Path | None, as_json: bool) -> None:
    """Show what can break, and what is broken now."""
    from simulators.control.protocol import AskFaults

    answer = _asked(control, AskFaults())
    if as_json:
        _print_json(answer)
        return
    for kind in answer["kinds"]:
        of = ", ".join(kind["classes"]) if kind["classes"] else "all"
        more = f"; --strength {kind['default']:g} {kind['strength']}" if kind["strength"] else ""
        click.echo(f"{kind['kind']:<12} {kind['text']} ({of}{more})")
    click.echo()
    _print_faults(answer["active"])


@fault.command("clear")
@click.argument("kind")
@click.argument("target", required=False)
@_control
@_as_json
def clear_fault(kind: str, target: str | None, control: Path | None, as_json: bool) -> None:
    """End fault KIND (or all) at TARGET (or everywhere)."""
    from simulators.control.protocol import AskClear
    from simulators.faults import kind_named

    if kind != "all":
        kind_named(kind)
    answer = _asked(control, AskClear(kind=kind, target=target))
    if as_json:
        _print_json(answer)
        return
    ended = answer["ended"]
    for each in ended:
        click.echo(f"ended: {each['kind']} at {each['device']}")
    if not ended:
        click.echo("nothing of that kind was broken")


@sim.command()
@click.option("--out", type=_folder, required=True, help="Folder to write to.")
@click.option("--broker", required=True, help="URL of the MQTT broker, such as mqtt://127.0.0.1:1883.")
@click.option("--protocol", type=click.Choice(["4", "5"]), default="5", help="MQTT version, 5.")
@click.option("--seed", default=1, show_default=True, help="Another seed gives other values.")
@click.option("--gateways", default=7, show_default=True, help="Six or more hold all classes.")
@click.option("--devices", default=45, show_default=True, help="Devices of all gateways together.")
@click.option("--tcp-port", type=click.IntRange(1, 65535), help="First port of Modbus TCP; else free ones.")
@_as_json
def fleet(
    *,
    out: Path,
    broker: str,
    protocol: str,
    seed: int,
    gateways: int,
    devices: int,
    tcp_port: int | None,
    as_json: bool,
) -> None:
    """Write a province in Phan Thiết: sim.yaml and one configuration for each gateway."""
    from simulators.fleet import write_fleet

    written = write_fleet(
        out,
        broker_url=broker,
        protocol=int(protocol),
        seed=seed,
        gateways=gateways,
        devices=devices,
        tcp_port=tcp_port,
    )
    if as_json:
        _print_json(
            {
                "sim": str(written.sim_file),
                "control": str(written.control_socket),
                "gateways": [str(file) for file in written.gateway_files],
                "devices": dict(written.device_classes),
            }
        )
        return
    click.echo(f"{written.device_count} devices on {len(written.gateway_files)} gateways:")
    for file in written.gateway_files:
        click.echo(f"  kega edge run --config {file}")
    click.echo(f"Serve them with: kega sim run --config {written.sim_file}")


@sim.command()
@_config
@click.option("--from", "start", default="-3d", show_default=True, help="ISO 8601, or a time ago.")
@click.option("--to", "end", default="now", show_default=True, help="ISO 8601, a time ago, or now.")
@click.option("--every", default="10m", show_default=True, help="Distance of two readings.")
@click.option("--out", type=_folder, required=True, help="Folder for one CSV file a gateway.")
@click.option("--import", "feed", is_flag=True, help="Put the files into the gateways' spools too.")
@click.option("--gateways", type=_folder, help="Folder of the gateways' files; gateways/ beside --config.")
@_as_json
def history(
    *,
    config: Path,
    start: str,
    end: str,
    every: str,
    out: Path,
    feed: bool,
    gateways: Path | None,
    as_json: bool,
) -> None:
    """Write what the devices would have measured: time, device, metric, value."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from simulators.history import Span, parse_duration, parse_time, write_history

    now = datetime.now(UTC)
    span = Span(parse_time(start, now), parse_time(end, now), parse_duration(every))
    province, library = _province(config)
    files = write_history(province, library, span, out)
    fed = {}
    if feed:
        from simulators.feeding import feed_spools

        fed = feed_spools(files, gateways or config.resolve().parent / "gateways")
    if as_json:
        _print_json(
            {
                gateway: {"file": str(file), **(asdict(fed[gateway]) if feed else {})}
                for gateway, file in files.items()
            }
        )
        return
    for gateway, file in files.items():
        taken = f" ({fed[gateway].readings} readings, {fed[gateway].refused} refused)" if feed else ""
        click.echo(f"{gateway}: {file}{taken}")


def _province(config: Path) -> tuple[Province, Library]:
    from simulators.province import Province
    from simulators.settings import load_settings
    from telemetry.clock import SystemClock
    from telemetry.devices.library import Library

    library = Library.shipped()
    return Province(load_settings(config), library, SystemClock()), library


def _asked(control: Path | None, request: Any) -> dict[str, Any]:
    from simulators.control.client import ask
    from simulators.control.place import find_socket

    return ask(control or find_socket(), request)


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    from simulators.history import parse_duration

    return parse_duration(duration if duration[-1:].isalpha() else f"{duration}s").total_seconds()


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(json.dumps({key: value for key, value in answer.items() if key != "ok"}, ensure_ascii=False))


_NONE: Final = "nothing is broken"


def _print_faults(faults: list[dict[str, Any]]) -> None:
    for each in faults:
        left = "until cleared" if each["left_s"] is None else f"{each['left_s']:.0f} s left"
        click.echo(f"broken: {each['kind']} at {each['device']} ({left})")
    if not faults:
        click.echo(_NONE)
