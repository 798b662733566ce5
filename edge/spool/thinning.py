"""What may be left out of old readings when a spool is short of room. Pure.

The wire carries values that were measured, each at its own time; it has no words for a mean of a quarter of
an hour. So thinning leaves out readings and changes none: of a quarter of an hour of one measured point the
smallest, the largest and the last value stay, at their own times. Of states every change stays, of counters
the last, of what is not good the first of every run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from telemetry.readings import Quality, Reading, ValueType

FINE_MS: Final = 15 * 60_000
"""Thinned once: window of which a measured point keeps its extremes and its last value."""
COARSE_MS: Final = 60 * 60_000
"""Thinned twice: counters and states only; window of which a counter keeps its last value."""
_MOST_CHANGES: Final = 60
"""Changes of one state in one window: a relay that chatters must not fill the disk."""


def thin(readings: Iterable[Reading], counters: Collection[str]) -> list[Reading]:
    """`readings` of one device without what a quarter of an hour can spare, in order of time.

    `counters` names metrics that only grow, beside those of type INT64, which all do.
    """
    kept: list[Reading] = []
    for run in _windows(readings, FINE_MS):
        if _is_state(run[0]):
            kept += _changes(run)
        elif _is_counter(run[0], counters):
            kept += [_last_good(run)]
        else:
            kept += _extremes(run)
    return _in_order(kept)


def strip(readings: Iterable[Reading], counters: Collection[str]) -> list[Reading]:
    """What of `readings` is never given up: an hour's last value of each counter, and changes of states."""
    kept: list[Reading] = []
    for run in _windows(readings, COARSE_MS):
        if _is_state(run[0]):
            kept += _changes(run)
        elif _is_counter(run[0], counters):
            kept += [_last_good(run)]
    return _in_order(kept)


def _windows(readings: Iterable[Reading], width_ms: int) -> Iterable[list[Reading]]:
    """Readings of one metric and one window each, in order of time."""
    found: defaultdict[tuple[str, int], list[Reading]] = defaultdict(list)
    for reading in readings:
        found[reading.metric, reading.time_ms // width_ms].append(reading)
    return [sorted(run, key=lambda reading: reading.time_ms) for run in found.values()]


def _in_order(readings: list[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda reading: (reading.time_ms, reading.metric))


def _is_state(reading: Reading) -> bool:
    return reading.type in (ValueType.BOOLEAN, ValueType.INT32, ValueType.STRING, ValueType.DATETIME)


def _is_counter(reading: Reading, counters: Collection[str]) -> bool:
    return reading.type is ValueType.INT64 or reading.metric in counters


def _last_good(run: list[Reading]) -> Reading:
    good = [reading for reading in run if reading.quality is Quality.GOOD]
    return (good or run)[-1]


def _changes(run: list[Reading]) -> list[Reading]:
    """The first of every run of one value and quality, and the last of all."""
    firsts = [
        reading
        for before, reading in zip([None, *run], run, strict=False)
        if before is None or (before.value, before.quality) != (reading.value, reading.quality)
    ]
    return _unique([*firsts[: _MOST_CHANGES - 1], run[-1]])


def _extremes(run: list[Reading]) -> list[Reading]:
    good = [reading for reading in run if reading.quality is Quality.GOOD]
    spared = _unique([min(good, key=_number), max(good, key=_number), good[-1]]) if good else []
    # Runs of bad quality are those between the good values that stay: what is left out parts nothing.
    staying = {id(reading) for reading in spared}
    left = [each for each in run if each.quality is not Quality.GOOD or id(each) in staying]
    return [
        reading
        for before, reading in zip([None, *left], left, strict=False)
        if reading.quality is Quality.GOOD or before is None or before.quality is not reading.quality
    ]


def _unique(readings: list[Reading]) -> list[Reading]:
    return list({id(reading): reading for reading in readings}.values())


def _number(reading: Reading) -> float:
    return float(reading.value) if isinstance(reading.value, int | float) else 0.0
