"""`kega cloud dead-letters`: messages that could not be stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from cloud.cli.options import config_option, json_option, print_json, print_table, registry_of

if TYPE_CHECKING:
    from cloud.ingest.devices import Devices
    from cloud.registry.database import SqlRegistry
    from cloud.registry.port import DeadLetter
    from cloud.store.port import Store

_DAY_MS: Final = 86_400_000
_PAGE: Final = 200
_SHOWN_BYTES: Final = 512


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages, or parts of them, that could not be stored: why, and another try."""


@dead_letters.command("list")
@config_option
@click.option("--after", type=click.IntRange(0), default=0, help="Begin behind this id.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@click.option("--reason", default="", help="Only letters of this reason.")
@json_option
def list_(config: Path, after: int, limit: int, reason: str, *, as_json: bool) -> None:
    """List them, oldest first, and how many there ever were of each kind."""
    with registry_of(config) as registry:
        letters = registry.dead_letters(after=after, limit=limit, reason=reason)
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
@click.argument("letter_ids", metavar="ID...", type=click.IntRange(1), nargs=-1)
@click.option("--reason", default="", help="All letters of this reason instead.")
@click.option("--delete", is_flag=True, help="Throw a letter away once all of it is stored.")
@json_option
def replay(config: Path, letter_ids: tuple[int, ...], reason: str, *, delete: bool, as_json: bool) -> None:
    """Try again, after the cause was mended. Exit code 1 if something still cannot be stored."""
    if bool(letter_ids) == bool(reason):
        raise click.UsageError("name letters by their ids, or all of one kind with --reason")
    from cloud.ingest.devices import Devices
    from cloud.settings import load_settings
    from cloud.store import open_store
    from telemetry.cli import EXIT_PROBLEM
    from telemetry.clock import SystemClock
    from telemetry.devices.library import Library

    clock = SystemClock()
    left = 0
    with registry_of(config) as registry:
        store = open_store(load_settings(config).store)
        try:
            devices = Devices(registry, Library.shipped().classes, clock)
            letters = _of(registry, reason) if reason else (_letter(registry, each) for each in letter_ids)
            for letter in letters:
                told = _replayed(letter, devices, store, clock.now_ms(), skip_refused=bool(reason))
                _tell_replay(told, as_json=as_json)
                left += len(told["left"])
                if delete and not told["left"]:
                    registry.delete_dead_letters([letter.id])
        finally:
            store.close()
    if left:
        raise click.exceptions.Exit(EXIT_PROBLEM)


@dead_letters.command()
@config_option
@click.option("--reason", default="", help="Only letters of this reason.")
@click.option("--out", type=click.File("w", encoding="utf-8"), default="-", help="File; standard output.")
def export(config: Path, reason: str, out: IO[str]) -> None:
    """Write them all as JSON lines, payloads in hexadecimal: to mend elsewhere, or to keep before a purge."""
    import json

    with registry_of(config) as registry:
        for letter in _of(registry, reason):
            line = {**_told(letter), "payload_hex": letter.payload.hex()}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


@dead_letters.command()
@config_option
@click.option("--reason", default="", help="Only letters of this reason.")
@click.option("--older-than-days", type=click.IntRange(0), default=None, help="Only older ones.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def purge(config: Path, reason: str, older_than_days: int | None, *, yes: bool, as_json: bool) -> None:
    """Throw them away. The counters of how many there ever were stay."""
    if not yes:
        click.confirm("Throw these dead letters away for good?", abort=True)
    from telemetry.clock import SystemClock

    before_ms = None
    if older_than_days is not None:
        before_ms = SystemClock().now_ms() - older_than_days * _DAY_MS
    with registry_of(config) as registry:
        gone = registry.delete_dead_letters(before_ms=before_ms, reason=reason)
    if as_json:
        print_json({"thrown_away": gone})
    else:
        click.echo(f"{gone} dead letters thrown away")


def _replayed(
    letter: DeadLetter, devices: Devices, store: Store, now_ms: int, *, skip_refused: bool
) -> dict[str, Any]:
    """What came of one letter; of a whole kind, one that cannot be replayed stops no other."""
    from cloud.errors import Refused
    from cloud.ingest.replay import replay as try_again

    try:
        result = try_again(letter, devices, store, now_ms)
    except Refused as error:
        if not skip_refused:
            raise
        return {"id": letter.id, "values_stored": 0, "left": [{"reason": "refused", "detail": str(error)}]}
    left = [{"reason": each.reason, "detail": each.detail} for each in result.left]
    return {"id": letter.id, "values_stored": result.values, "left": left}


def _tell_replay(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    click.echo(f"dead letter {told['id']}: {told['values_stored']} values stored")
    for each in told["left"]:
        click.echo(f"still {each['reason']}: {each['detail']}", err=True)


def _of(registry: SqlRegistry, reason: str) -> Iterator[DeadLetter]:
    after = 0
    while page := registry.dead_letters(after=after, limit=_PAGE, reason=reason):
        yield from page
        after = page[-1].id


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
