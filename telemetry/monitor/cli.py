"""`kega monitor`: watch the wire and name every broken rule."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from telemetry.monitor.rule import Rule, Violation
    from telemetry.monitor.watch import Monitor


@click.group("monitor", invoke_without_command=True)
@click.option("--broker", "url", metavar="URL", help="mqtt://host:port or mqtts://host:port")
@click.option("--username", metavar="NAME")
@click.option("--password-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--host-id", metavar="ID", help="The host application that must be there.")
@click.option("--for", "for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after that.")
@click.option("--filter", "filters", multiple=True, metavar="TOPIC", help="Instead of spBv1.0/#.")
@click.option("--standard-only", is_flag=True, help="Leave kega's own rules (X-…) out.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave this rule out; may be repeated.")
@click.option("--remarks", is_flag=True, help="Print broken recommendations (should) too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def monitor(
    context: click.Context,
    *,
    url: str | None,
    username: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    host_id: str | None,
    for_s: float | None,
    filters: tuple[str, ...],
    standard_only: bool,
    ignore: tuple[str, ...],
    remarks: bool,
    as_json: bool,
) -> None:
    """Watch the wire and name every broken rule.

    Listens only. Needs MQTT 5 on the broker to see QoS and retain bits as they were published. Ends with 1
    where a binding rule was broken. `kega monitor rules` lists what is checked.
    """
    if context.invoked_subcommand is not None:
        return
    if url is None:
        raise click.UsageError("Missing option '--broker': such as --broker mqtt://127.0.0.1:1883")
    from telemetry.monitor.rules import RULES
    from telemetry.monitor.watch import Monitor
    from telemetry.mqtt import Broker
    from telemetry.sparkplug.topics import NAMESPACE

    _check_known(ignore, RULES)
    password = password_file.read_text(encoding="utf-8").strip() if password_file else None
    watcher = Monitor(
        Broker(url, username=username, password=password, ca_file=ca_file),
        host_id=host_id,
        filters=filters or (f"{NAMESPACE}/#",),
        rules=[r for r in RULES if not (standard_only and r.is_own) and not set(r.ids) & set(ignore)],
        on_breach=lambda breach: _print_breach(breach, remarks=remarks, as_json=as_json),
    )
    asyncio.run(_watch(watcher, for_s))
    _print_summary(watcher, as_json=as_json)
    if watcher.engine.broken:
        context.exit(1)


def _check_known(ignore: Sequence[str], rules: Sequence[Rule]) -> None:
    known = {name for rule in rules for name in rule.ids}
    for name in ignore:
        if name not in known:
            raise click.UsageError(f"--ignore {name}: no such rule; `kega monitor rules` lists them")


async def _watch(watcher: Monitor, for_s: float | None) -> None:
    """Run until the time is over, a signal comes, or the broker refuses."""
    task = asyncio.create_task(watcher.run())
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, task.cancel)
    if for_s is not None:
        loop.call_later(for_s, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _print_breach(breach: Violation, *, remarks: bool, as_json: bool) -> None:
    if not remarks and not breach.rule.level.binds:
        return
    if as_json:
        click.echo(
            json.dumps(
                {
                    "rule": breach.rule.id,
                    "same": breach.rule.ids[1:],
                    "level": breach.rule.level,
                    "time_ms": breach.at_ms,
                    "topic": breach.topic,
                    "expected": breach.expected,
                    "seen": breach.seen,
                },
                ensure_ascii=False,
            )
        )
    else:
        click.echo(str(breach))


def _print_summary(watcher: Monitor, *, as_json: bool) -> None:
    engine = watcher.engine
    broken = engine.broken
    remarks = {name: count for name, count in engine.counts.items() if name not in broken}
    blind = [rule.id for rule in engine.rules if not engine.visible(rule)]
    summary = {
        "messages": engine.messages,
        "connection_losses": max(0, watcher.losses - 1),
        "rules": len(engine.rules),
        "not_visible": blind,
        "violations": dict(broken.most_common()),
        "remarks": remarks,
    }
    if as_json:
        click.echo(json.dumps({"summary": summary}, ensure_ascii=False))
        return
    click.echo(
        f"{engine.messages} messages, {len(engine.rules) - len(blind)} rules watched, "
        f"{sum(broken.values())} violations, {sum(remarks.values())} remarks"
    )
    if blind:
        click.echo(f"  not visible, as the broker speaks no MQTT 5: {', '.join(blind)}")
    for title, counts in (("violation", broken), ("remark", remarks)):
        for name, count in counts.items():
            click.echo(f"  {title} {name}: {count}")


@monitor.command("rules")
@click.option("--json", "as_json", is_flag=True)
def list_rules(as_json: bool) -> None:
    """List all rules, and whether a passive monitor can see them."""
    from telemetry.monitor.catalogue import catalogue

    entries = catalogue()
    if as_json:
        click.echo(json.dumps([_entry(entry) for entry in entries], ensure_ascii=False, indent=1))
        return
    for entry in entries:
        click.echo(f"{entry.ids[0]}  [{entry.level}]  visible: {entry.visible}")
        click.echo(f"    {entry.meaning}")
        if len(entry.ids) > 1:
            click.echo(f"    same: {', '.join(entry.ids[1:])}")


def _entry(entry: Any) -> dict[str, Any]:
    return {
        "id": entry.ids[0],
        "same": list(entry.ids[1:]),
        "level": entry.level,
        "meaning": entry.meaning,
        "visible": entry.visible,
    }
