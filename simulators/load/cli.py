"""`kega sim load`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--gateways", type=click.IntRange(1, 99_999), default=100, show_default=True)
@click.option("--devices-per-gateway", type=click.IntRange(1, 999), default=10, show_default=True)
@click.option("--metrics", type=click.IntRange(1, 500), default=10, show_default=True, help="Of each device.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.05, 86_400),
    default=10.0,
    show_default=True,
    help="Seconds between two scans of a device.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, 864_000),
    default=60.0,
    show_default=True,
    help="How long to scan, counted from when all gateways are online.",
)
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    required=True,
    help="mqtt://host:port; several times, or separated by commas, for the nodes of a cluster.",
)
@click.option(
    "--protocol", type=click.Choice(["4", "5"]), default="4", show_default=True, help="4 is MQTT 3.1.1."
)
@click.option("--username")
@click.option("--password-file", type=_file)
@click.option("--ca-file", type=_file, help="Certificate authority of the broker, for mqtts.")
@click.option(
    "--connections",
    type=click.IntRange(0),
    default=0,
    help="Fewer connections than gateways: then only the first gateway of each has a will.",
)
@click.option(
    "--command-qos",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="Of the subscription of commands; 0 for a NATS cluster (docs/scaling.md).",
)
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option(
    "--class", "device_class", default="streetlight", show_default=True, help="Class of the devices."
)
@click.option("--area", default="p060", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same values.")
@click.option(
    "--storm", "storm_s", type=click.FloatRange(0.1), help="Cut all connections every so many seconds."
)
@click.option(
    "--jitter",
    "jitter_s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="A gateway comes back up to so many seconds after a loss.",
)
@click.option(
    "--connects",
    "connects_per_s",
    type=click.FloatRange(0.1),
    default=500.0,
    show_default=True,
    help="Connections made a second at the start.",
)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="How long to wait at the end for the last acknowledgements.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def load(
    *,
    gateways: int,
    devices_per_gateway: int,
    brokers: tuple[str, ...],
    protocol: str,
    username: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    processes: int,
    log_level: str,
    as_json: bool,
    **plan: Any,
) -> None:
    """Speak as many gateways do: sessions, births, data, acknowledgement and what is sent again.

    No devices are simulated; values follow from the seed. Ends with 1 if a batch was not acknowledged.
    """
    from simulators.load.plan import LoadPlan
    from simulators.load.service import run_load
    from telemetry.logs import configure_logging

    configure_logging(log_level)
    password = None if password_file is None else password_file.read_text(encoding="utf-8").strip("\r\n")
    outcome = run_load(
        LoadPlan(
            brokers=_brokers(brokers, int(protocol), username, password, ca_file),
            gateways=gateways,
            devices=devices_per_gateway,
            **plan,
        ),
        processes,
        log_level,
    )
    told = outcome.told()
    click.echo(json.dumps(told) if as_json else _words(told))
    if outcome.lost or outcome.online_after_s is None:
        raise click.exceptions.Exit(1)


def _brokers(
    urls: tuple[str, ...], protocol: int, username: str | None, password: str | None, ca_file: Path | None
) -> tuple[Any, ...]:
    from telemetry.mqtt import Broker

    single = [url.strip() for each in urls for url in each.split(",") if url.strip()]
    for url in single:
        if not url.startswith(("mqtt://", "mqtts://")):
            raise click.BadParameter(
                f"{url!r} is no broker address; write mqtt://host:1883", param_hint="--broker"
            )
    if not single:
        raise click.BadParameter("names no broker", param_hint="--broker")
    return tuple(
        Broker(url, protocol, username=username, password=password, ca_file=ca_file) for url in single
    )


def _words(told: dict[str, Any]) -> str:
    after = told["acknowledged_after_s"]
    scale = f"{told['gateways']} gateways, {told['devices']} devices, {told['values_a_batch']} values a batch"
    rates = f"{told['batches_per_s']} batches/s, {told['values_per_s']} values/s"
    shares = (
        f"{_seconds(after['p50'])} (half), {_seconds(after['p99'])} (99 of 100), {_seconds(after['max'])}"
    )
    births = f"{told['births']} births, {told['rebirths_asked']} rebirths asked"
    lines = [
        f"{scale}; all online after {_seconds(told['online_after_s'])}",
        f"{told['batches']} batches in {told['seconds']} s: {rates}",
        f"{told['acknowledged']} acknowledged, {told['sent_again']} sent again, {told['lost']} lost",
        f"acknowledged after {shares} (all)",
        f"{births}, {told['connects']} connections, {told['refused']} attempts failed",
    ]
    lines += [
        f"outage: {each['connections']} connections lost, all back after {_seconds(each['back_s'])}"
        for each in told["outages"]
    ]
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:g} s"
