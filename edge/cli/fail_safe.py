"""`kega edge commission`: what instruments do by themselves when the gateway falls silent, set and proven."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.bus.bench import WritingBench
    from edge.decoding.binding import BoundGateway, BoundInstrument

Native = float | int | bool | str | None


@dataclass(frozen=True)
class Setting:
    """One fail-safe of one instrument."""

    device: str
    profile: str
    key: str
    wanted: float
    before: Native
    now: Native
    error: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the instrument holds what is wanted."""
        return not self.error and not isinstance(self.now, str | None) and float(self.now) == self.wanted


@click.command()
@click.option("--config", "file", required=True, type=click.Path(path_type=Path), help="The gateway's YAML.")
@click.option("--device", help="One device; all that have fail-safes where it is left out.")
@click.option("--check", "only_check", is_flag=True, help="Compare only; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def commission(file: Path, device: str | None, *, only_check: bool, as_json: bool) -> None:
    r"""Write the `fail_safe` of --config's instruments into them where it is not there yet, and read it back.

    \b
    devices:
      - id: sl-000001
        instruments:
          - {profile: intesis_dali_modbus, bus: dali, base: 100, fail_safe: {system_failure_level: 100}}

    Stop the agent before: a serial line has one master. Ends with 1 where an instrument does not hold its
    fail-safe afterwards, with 3 where a line cannot be opened.
    """
    from edge.decoding.binding import load_gateway
    from telemetry.devices.library import Library
    from telemetry.errors import KegaError

    gateway = load_gateway(file, Library.shipped())
    if device is not None and device not in gateway.by_id:
        raise KegaError(f"{file} has no device {device!r}; it has {', '.join(sorted(gateway.by_id))}")
    settings = asyncio.run(_commission(gateway, device, only_check))
    is_right = all(each.is_right for each in settings)
    if as_json:
        told = [{**asdict(each), "ok": each.is_right} for each in settings]
        click.echo(json.dumps({"ok": is_right, "settings": told}, ensure_ascii=False))
    else:
        _show(settings)
    if not is_right:
        click.get_current_context().exit(1)


async def _commission(gateway: BoundGateway, device: str | None, only_check: bool) -> list[Setting]:
    from edge.bus.bench import WritingBench, open_bench

    configs = {
        (each.id, number): instrument.fail_safe
        for each in gateway.config.devices
        for number, instrument in enumerate(each.instruments)
    }
    by_bus: dict[str, list[tuple[BoundInstrument, dict[str, float]]]] = {}
    for bound in gateway.devices:
        for number, instrument in enumerate(bound.instruments):
            wanted = configs[bound.id, number]
            if wanted and device in (None, bound.id):
                by_bus.setdefault(instrument.bus, []).append((instrument, wanted))
    settings: list[Setting] = []
    for bus, work in by_bus.items():
        async with open_bench(gateway.config.bus_by_id[bus], [each for each, _ in work]) as bench:
            assert isinstance(bench, WritingBench), "only Modbus instruments have points that are written"
            for instrument, wanted in work:
                for key, value in wanted.items():
                    settings.append(await _set(bench, instrument, key, value, only_check))
    return settings


async def _set(
    bench: WritingBench, instrument: BoundInstrument, key: str, wanted: float, only_check: bool
) -> Setting:
    from edge.errors import BusError

    before: Native = None
    try:
        before = now = await _read(bench, instrument, key)
        if not only_check and (isinstance(now, str | None) or float(now) != wanted):
            await bench.write(instrument, key, wanted)
            now = await _read(bench, instrument, key)
    except BusError as error:
        return Setting(instrument.device, instrument.profile.id, key, wanted, before, None, str(error))
    return Setting(instrument.device, instrument.profile.id, key, wanted, before, now)


async def _read(bench: WritingBench, instrument: BoundInstrument, key: str) -> Native:
    scan = await bench.scan(instrument, frozenset({key}))
    return next((point.value for point in scan.points if point.key == key), None)


def _show(settings: list[Setting]) -> None:
    if not settings:
        click.echo("no instrument has a `fail_safe` / chưa khai báo `fail_safe`")
    for each in settings:
        if each.error:
            verdict = f"lỗi / failed: {each.error}"
        elif not each.is_right:
            verdict = f"SAI / WRONG: {each.now}"
        elif each.before == each.now:
            verdict = "đúng / right"
        else:
            verdict = f"đã ghi / written, was {each.before}"
        click.echo(f"{each.device} {each.profile} {each.key} = {each.wanted:g}: {verdict}")
