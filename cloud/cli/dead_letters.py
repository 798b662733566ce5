"""`kega cloud dead-letters`: messages that could not be stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cloud.cli.options import config_option, json_option, print_json, print_table, registry_of

if TYPE_CHECKING:
    from cloud.registry.database import SqlRegistry
    from cloud.registry.port import DeadLetter

_SHOWN_BYTES: Final = 512


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages, or parts of them, that could not be stored: why, and another try."""


@dead_letters.command("list")
@config_option
@click.option("--after", type=click.IntRange(0), default=0, help="Begin behind this id.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@json_option
def list_(config: Path, after: int, limit: int, *, as_json: bool) -> None:
    """List them, oldest first, and how many there ever were of each kind."""
    with registry_of(config) as registry:
        letters = registry.dead_letters(after=after, limit=limit)
        counts = registry.dead_letter_counts()
    if as_json:
        print_json({"items": [_told(letter) for letter in letters], "counts": counts})
        return
    print_table(
        ["ID", "RECEIVED", "REASON", "TOPIC", "BYTES", "DETAIL"],
        [
            [
                str(letter.id),
                _date(letter.received_ms),
                letter.reason,
                letter.topic,
                str(letter.size),
                letter.detail[:80],
            ]
            for letter in letters
        ],
    )
    if counts:
        click.echo("ever: " + ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())))


@dead_letters.command()
@config_option
@click.argument("letter_id", type=click.IntRange(1))
@json_option
def show(config: Path, letter_id: int, *, as_json: bool) -> None:
    """Show one: what is wrong, and what the message holds as far as it can be read."""
    with registry_of(config) as registry:
        letter = _letter(registry, letter_id)
    metrics = _metrics(letter.payload)
    if as_json:
        print_json({**_told(letter), "payload_hex": letter.payload.hex(), "metrics": metrics})
        return
    click.echo(f"dead letter {letter.id}, received {_date(letter.received_ms)}")
    click.echo(f"topic   {letter.topic}")
    click.echo(f"reason  {letter.reason}: {letter.detail}")
    click.echo(f"size    {letter.size} bytes, {len(letter.payload)} kept")
    if metrics is None:
        click.echo("no Sparkplug payload; it begins:")
        _print_bytes(letter.payload[:_SHOWN_BYTES])
    else:
        rows = [[str(each[key]) for key in ("name", "type", "value", "time")] for each in metrics]
        print_table(["METRIC", "TYPE", "VALUE", "TIME"], rows)


@dead_letters.command()
@config_option
@click.argument("letter_id", type=click.IntRange(1))
@json_option
def replay(config: Path, letter_id: int, *, as_json: bool) -> None:
    """Try one again, after its cause was mended. Exit code 1 if something still cannot be stored."""
    from cloud.ingest.devices import Devices
    from cloud.ingest.replay import replay as try_again
    from cloud.settings import load_settings
    from cloud.store import open_store
    from telemetry.cli import EXIT_PROBLEM
    from telemetry.clock import SystemClock
    from telemetry.devices.library import Library

    clock = SystemClock()
    with registry_of(config) as registry:
        letter = _letter(registry, letter_id)
        store = open_store(load_settings(config).store)
        try:
            devices = Devices(registry, Library.shipped().classes, clock)
            result = try_again(letter, devices, store, clock.now_ms())
        finally:
            store.close()
    if as_json:
        left = [{"reason": each.reason, "detail": each.detail} for each in result.left]
        print_json({"id": letter_id, "values_stored": result.values, "left": left})
    else:
        click.echo(f"dead letter {letter_id}: {result.values} values stored")
        for each in result.left:
            click.echo(f"still {each.reason}: {each.detail}", err=True)
    if result.left:
        raise click.exceptions.Exit(EXIT_PROBLEM)


def _letter(registry: SqlRegistry, letter_id: int) -> DeadLetter:
    from cloud.errors import NotFound

    found = registry.dead_letters(after=letter_id - 1, limit=1)
    if not found or found[0].id != letter_id:
        raise NotFound(f"no dead letter {letter_id}: see kega cloud dead-letters list")
    return found[0]


def _told(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "received_ms": letter.received_ms,
        "topic": letter.topic,
        "reason": letter.reason,
        "detail": letter.detail,
        "size": letter.size,
        "kept": len(letter.payload),
    }


def _metrics(payload: bytes) -> list[dict[str, Any]] | None:
    """What the payload holds, or None where it is none."""
    from telemetry.errors import CodecError
    from telemetry.sparkplug.payload import Unsupported, decode

    try:
        metrics = decode(payload).metrics
    except CodecError:
        return None
    return [
        {
            "name": metric.name or f"alias {metric.alias}",
            "type": metric.type.name,
            "value": repr(metric.value) if isinstance(metric.value, Unsupported) else metric.value,
            "time": None if metric.time_ms is None else metric.time_ms,
        }
        for metric in metrics
    ]


def _print_bytes(data: bytes) -> None:
    for place in range(0, len(data), 16):
        part = data[place : place + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        click.echo(f"{place:06x}  {part.hex(' '):<47}  {text}")


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
