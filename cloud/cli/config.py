"""`kega cloud config`: gateways' configurations, pushed and followed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloud.cli.options import ISSUER, config_option, json_option, print_json, print_table, registry_of

if TYPE_CHECKING:
    from cloud.configuration.port import Desired, Report


@click.group("config")
def config_() -> None:
    """Configurations of gateways: signed, sent until they are judged, tried, kept or given back."""


@config_.command()
@config_option
@json_option
def keygen(config: Path, *, as_json: bool) -> None:
    """Make the signing key, once; prints the line that every gateway must trust."""
    from cloud.configuration.push import make_key
    from cloud.settings import load_settings, prepare_folders

    settings = load_settings(config)
    prepare_folders(settings)
    line = make_key(settings.secrets_dir)
    if as_json:
        print_json({"public": line})
    else:
        click.echo(line)


@config_.command()
@config_option
@json_option
def key(config: Path, *, as_json: bool) -> None:
    """Print the public key, for `kega edge config trust`."""
    from cloud.configuration.push import read_key
    from cloud.settings import load_settings
    from telemetry.signing import public_line, public_of

    line = public_line(public_of(read_key(load_settings(config).secrets_dir)))
    if as_json:
        print_json({"public": line})
    else:
        click.echo(line)


@config_.command()
@config_option
@click.argument("gateway")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--over-local", is_flag=True, help="Overwrite what was changed on the gateway itself.")
@click.option("--wait", "wait_s", type=click.FloatRange(0, 86_400), default=0, help="Seconds to follow it.")
@json_option
def push(config: Path, gateway: str, file: Path, *, over_local: bool, wait_s: float, as_json: bool) -> None:
    """Make FILE the next version of GATEWAY's configuration. Ends with 1 where --wait sees it fail."""
    from cloud.configuration.port import Progress
    from cloud.configuration.push import push as push_now
    from cloud.configuration.push import read_key
    from cloud.settings import load_settings
    from telemetry.clock import SystemClock

    private = read_key(load_settings(config).secrets_dir)
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"is not UTF-8: {error}", param_hint="FILE") from None
    with registry_of(config) as registry:
        pushed = push_now(
            registry, private, gateway, text, by=ISSUER, clock=SystemClock(), over_local=over_local
        )
        deadline = time.monotonic() + wait_s
        told = _told(*registry.desired(gateway)[0])
        while not Progress(told["progress"]).is_final and time.monotonic() < deadline:
            time.sleep(0.5)
            told = _told(*registry.desired(gateway)[0])
    if as_json:
        print_json(told)
    else:
        click.echo(
            f"{gateway}: version {pushed.version} is {told['progress']}. {told['error'] or ''}".rstrip()
        )
    if wait_s and told["progress"] != Progress.APPLIED:
        click.get_current_context().exit(1)


@config_.command()
@config_option
@click.argument("gateway", required=False)
@json_option
def status(config: Path, gateway: str | None, *, as_json: bool) -> None:
    """Where the newest version of each gateway stands (or of GATEWAY)."""
    with registry_of(config) as registry:
        items = [_told(desired, report) for desired, report in registry.desired(gateway)]
    if as_json:
        print_json({"items": items})
        return
    columns = ["GATEWAY", "VERSION", "PROGRESS", "RUNS", "SENT", "ERROR"]
    rows = [
        [
            each["gateway"],
            str(each["version"]),
            each["progress"],
            "" if each["runs_version"] is None else f"{each['runs_version']} ({each['runs_sha256'][:8]})",
            f"{each['attempts']} ×",
            (each["error"] or "")[:80],
        ]
        for each in items
    ]
    print_table(columns, rows)


@config_.command()
@config_option
@click.argument("gateway")
@json_option
def show(config: Path, gateway: str, *, as_json: bool) -> None:
    """Print the newest version that was pushed to GATEWAY."""
    from cloud.errors import NotFound

    with registry_of(config) as registry:
        found = registry.desired(gateway)
    if not found:
        raise NotFound(f"nothing was ever pushed to {gateway}: see kega cloud config status")
    desired = found[0][0]
    if as_json:
        print_json({"gateway": gateway, "version": desired.version, "text": desired.text})
    else:
        click.echo(desired.text, nl=False)


def _told(desired: Desired, report: Report | None) -> dict[str, Any]:
    from cloud.configuration.port import progress

    return {
        "gateway": desired.gateway,
        "version": desired.version,
        "sha256": desired.sha256,
        "pushed_ms": desired.pushed_ms,
        "pushed_by": desired.pushed_by,
        "sent_ms": desired.sent_ms,
        "attempts": desired.attempts,
        "progress": progress(desired, report).value,
        "runs_version": None if report is None else report.version,
        "runs_sha256": "" if report is None else report.sha256 or "",
        "state": None if report is None else report.state,
        "error": None if report is None else report.error,
        "told_ms": None if report is None else report.told_ms,
    }
