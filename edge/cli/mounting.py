"""`kega edge identify` and `kega edge readdress`: what is done once, when an instrument is mounted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from edge.cli.targets import Target, TargetOptions, find_targets, target_options

if TYPE_CHECKING:
    from edge.bus.bench import Bench
    from edge.decoding.binding import BoundInstrument


@dataclass(frozen=True)
class Candidate:
    """A model that the instrument may be."""

    profile: str
    title: str
    fits: bool
    faults: tuple[str, ...]
    values: dict[str, Any]


@click.command()
@target_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def identify(options: TargetOptions, as_json: bool) -> None:
    r"""Tell whether the instrument is really of its profile's model, or of one that looks the same.

    \b
    kega edge identify --profile cwt_soil_7in1_variant_b --port /dev/ttyUSB0 --unit 1

    Reads what is characteristic of the profile and of its look-alikes. Ends with 1 unless the profile fits
    and no other does, with 3 where nothing answers.
    """
    target = _only(options)
    candidates = asyncio.run(_identify(target))
    fitting = [each.profile for each in candidates if each.fits]
    chosen = candidates[0].profile
    if as_json:
        click.echo(json.dumps({"candidates": [asdict(each) for each in candidates], "fits": fitting}))
    else:
        for each in candidates:
            told = ", ".join(f"{key} = {value}" for key, value in each.values.items())
            click.echo(f"{'fits    ' if each.fits else 'fits not'} {each.profile} ({each.title}): {told}")
            for fault in each.faults:
                click.echo(f"           {fault}")
        click.echo(_verdict(chosen, fitting))
    if fitting != [chosen]:
        click.get_current_context().exit(1)


def _verdict(chosen: str, fitting: list[str]) -> str:
    if fitting == [chosen]:
        return f"It is a {chosen}."
    if not fitting:
        return "It is none of these: check the model's name, and ask for its register table."
    if chosen in fitting:
        return "More than one fits: compare the values with what the instrument should measure now."
    return f"It looks like {' or '.join(fitting)}, not like {chosen}: change the profile."


async def _identify(target: Target) -> list[Candidate]:
    from edge.bus.bench import open_bench
    from edge.decoding.binding import lone_instrument
    from edge.errors import BusError
    from telemetry.devices.library import Library

    library = Library.shipped()
    first = target.instruments[0]
    if not first.profile.signs:
        raise click.UsageError(f"{first.profile.id} says nothing of what is characteristic of it (`signs`)")
    others = [library.profile(each) for each in first.profile.alike]
    instruments = [first] + [
        lone_instrument(each, library.classes[each.device_class], first.unit) for each in others
    ]
    candidates: list[Candidate] = []
    failure: BusError | None = None
    async with open_bench(target.bus, instruments) as bench:
        for each in instruments:
            try:
                candidates.append(await _candidate(bench, each))
            except BusError as error:
                if error.unreachable and each is first:
                    failure = error
                profile = each.profile
                candidates.append(Candidate(profile.id, profile.title, False, (str(error),), {}))
    if failure is not None and not any(each.values for each in candidates):
        raise failure
    return candidates


async def _candidate(bench: Bench, instrument: BoundInstrument) -> Candidate:
    profile = instrument.profile
    scan = await bench.scan(instrument, frozenset(sign.key for sign in profile.signs))
    values = {point.key: point.value for point in scan.points}
    faults = tuple(fault for sign in profile.signs if (fault := sign.fault(values.get(sign.key))))
    return Candidate(profile.id, profile.title, bool(profile.signs) and not faults, faults, values)


@click.command()
@target_options
@click.option("--to", "new_unit", type=click.IntRange(1, 247), required=True, help="The new unit id.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text; implies --yes.")
def readdress(options: TargetOptions, new_unit: int, yes: bool, as_json: bool) -> None:
    r"""Give a Modbus instrument another unit id, make it last, and prove that it answers there.

    \b
    kega edge readdress --profile qdw90a_pressure --port /dev/ttyUSB0 --unit 1 --to 2

    Nothing is written where another instrument already answers under the new id. Ends with 1 where the
    instrument does not answer under its new id, with 3 where it does not answer at all.
    """
    target = _only(options)
    profile = target.instruments[0].profile
    if profile.readdress is None:
        raise click.UsageError(f"{profile.id} does not say how its unit id is changed (`readdress`)")
    old_unit = target.instruments[0].unit
    if old_unit == new_unit:
        raise click.UsageError(f"it has unit id {new_unit} already")
    if not yes and not as_json:
        click.confirm(f"Change {profile.title} from unit {old_unit} to {new_unit}?", abort=True)
    steps = asyncio.run(_readdress(target, new_unit))
    if as_json:
        click.echo(json.dumps({"ok": True, "from": old_unit, "to": new_unit, "steps": steps}))
    else:
        click.echo("\n".join(steps))


async def _readdress(target: Target, new_unit: int) -> list[str]:
    from edge.bus.bench import WritingBench, open_bench
    from edge.errors import BusError, BusException, BusMismatch, BusTimeout
    from telemetry.errors import KegaError

    old = target.instruments[0]
    new = replace(old, unit=new_unit)
    way = old.profile.readdress
    assert way is not None
    key = frozenset({way.key})
    steps: list[str] = []
    async with open_bench(target.bus, [old, new]) as bench:
        assert isinstance(bench, WritingBench)
        await bench.scan(old, key)
        steps.append(f"unit {old.unit} answers")
        try:
            await bench.scan(new, key)
        except BusTimeout:
            steps.append(f"unit {new_unit} is free")
        except BusException as error:
            if not error.is_silence:
                raise KegaError(f"unit {new_unit} is taken: it answers {error}") from error
            steps.append(f"unit {new_unit} is free")
        else:
            raise KegaError(
                f"unit {new_unit} is taken: another instrument answers there. Nothing was written"
            )
        try:
            await bench.write(old, way.key, new_unit)
        except (BusTimeout, BusMismatch):
            steps.append(f"{way.key} = {new_unit} written; the answer came under another id or not at all")
        else:
            steps.append(f"{way.key} = {new_unit} written under id {old.unit}")
        try:
            if way.save:
                await bench.write(new, way.save, way.save_value)
                steps.append(f"{way.save} written under id {new_unit}: the change lasts")
            scan = await bench.scan(new, key)
        except BusError as error:
            raise KegaError(
                f"unit {new_unit} does not answer after {'; '.join(steps)}: {error}. "
                "Switch the instrument off and on, then read it under both ids"
            ) from error
    value = next((point.value for point in scan.points if point.key == way.key), None)
    if value != new_unit:
        raise KegaError(f"unit {new_unit} answers, but {way.key} reads {value}: not changed for good")
    steps.append(f"unit {new_unit} answers and reads {way.key} = {new_unit}")
    return steps


def _only(options: TargetOptions) -> Target:
    targets = find_targets(options)
    if len(targets) != 1 or len(targets[0].instruments) != 1:
        raise click.UsageError("name one instrument: --profile P with --port, --tcp or --rtu-tcp")
    return targets[0]
