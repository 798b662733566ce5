"""`kega edge lock` and `unlock`: keep commands and programs off a device while somebody works there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.commands.locks import Lock

_CONFIG = click.option(
    "--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML."
)
_DEVICE = click.option("--device", help="One device; the whole gateway where it is left out.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")


@click.command()
@_CONFIG
@_DEVICE
@click.option("--reason", help="What is being done there: operators see it. Without it the locks are shown.")
@click.option("--by", default=None, help="Who locks; the user of the machine where it is left out.")
@click.option("--hours", type=click.FloatRange(0.01, 24 * 31), help="The lock ends by itself after these.")
@_JSON
def lock(
    file: Path, device: str | None, reason: str | None, by: str | None, hours: float | None, *, as_json: bool
) -> None:
    """Lock a device or the gateway: no command and no program writes there until `kega edge unlock`."""
    import time

    from edge.commands.locks import EVERYTHING, Lock, read_locks, write_locks

    place, known = _place(file, device)
    if reason is None:
        locks = read_locks(place)
        _show(locks, as_json=as_json)
        return
    now_ms = time.time_ns() // 1_000_000
    until_ms = None if hours is None else now_ms + round(hours * 3_600_000)
    fresh = Lock(device or EVERYTHING, by or _user(), reason, now_ms, until_ms)
    locks = [each for each in read_locks(place) if each.device != fresh.device and each.device in known]
    write_locks(place, [*locks, fresh])
    _show([*locks, fresh], as_json=as_json)


@click.command()
@_CONFIG
@_DEVICE
@_JSON
def unlock(file: Path, device: str | None, *, as_json: bool) -> None:
    """Take a lock away: that of --device, or all. Mends a file of locks that cannot be read."""
    from edge.commands.locks import read_locks, write_locks

    place, _ = _place(file, device)
    locks = [] if device is None else [each for each in read_locks(place) if each.device != device]
    write_locks(place, locks)
    _show(locks, as_json=as_json)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "technician"


def _place(file: Path, device: str | None) -> tuple[Path, frozenset[str]]:
    from edge.commands.locks import EVERYTHING, LOCKS_FILE
    from edge.config import load_gateway_config
    from telemetry.errors import KegaError

    config = load_gateway_config(file)
    known = frozenset(each.id for each in config.devices)
    if device is not None and device not in known:
        raise KegaError(f"{file} has no device {device!r}; it has {', '.join(sorted(known)) or 'none'}")
    return config.state_dir / LOCKS_FILE, known | {EVERYTHING}


def _show(locks: list[Lock], *, as_json: bool) -> None:
    from dataclasses import asdict
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from edge.commands.locks import EVERYTHING

    if as_json:
        click.echo(json.dumps({"locks": [asdict(each) for each in locks]}, ensure_ascii=False))
        return
    if not locks:
        click.echo("không có khóa / nothing is locked")
    for each in locks:
        what = "toàn bộ tủ / the whole gateway" if each.device == EVERYTHING else each.device
        end = "mở bằng tay / unlocked by hand"
        if each.until_ms is not None:
            until = datetime.fromtimestamp(each.until_ms / 1000, ZoneInfo("Asia/Ho_Chi_Minh"))
            end = f"đến / until {until:%d/%m %H:%M}"
        click.echo(f"{what}: {each.reason} ({each.by}, {end})")
