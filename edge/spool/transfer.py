"""History into a spool, and a spool's content out, while the agent may be running."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge.spool.batches import NewBatch, decode_readings
from edge.spool.database import SpoolDatabase
from edge.spool.errors import SpoolError, SpoolFull
from edge.spool.figures import SpoolLimits
from edge.spool.history import HistoryPacker, ImportCount, read_rows
from telemetry.readings import ValueType

_GROUP: Final = 20
_ROOM: Final = 0.8
"""History may fill the spool up to this share; the rest is for what the devices measure."""
_BETWEEN_GROUPS_S: Final = 0.005


def import_history(
    file: Path,
    spool_file: Path,
    limits: SpoolLimits,
    *,
    types: Mapping[str, Mapping[str, ValueType]],
    now_ms: int,
    on_progress: Callable[[ImportCount], None] = lambda _: None,
) -> ImportCount:
    """Put the history in `file` into the spool, in short transactions beside those of a running agent.

    Raises:
        SpoolFull: there is no room for more; what went in so far stays in, and may be imported again.
        SpoolError: the file or the spool cannot be used.
    """
    database = SpoolDatabase.open(spool_file, limits)
    try:
        packer = HistoryPacker(types, database.last_times(), now_ms)
        group: list[NewBatch] = []
        for number, row in read_rows(file):
            group += packer.take(number, row)
            if len(group) >= _GROUP:
                _commit(database, limits, group, now_ms, packer.count)
                group = []
                on_progress(packer.count)
        group += packer.rest()
        for start in range(0, len(group), _GROUP):
            _commit(database, limits, group[start : start + _GROUP], now_ms, packer.count)
            on_progress(packer.count)
    except sqlite3.Error as error:
        raise SpoolError(f"{spool_file}: {error}. Check the disk's free room") from error
    finally:
        database.close()
    return packer.count


def _commit(
    database: SpoolDatabase, limits: SpoolLimits, group: list[NewBatch], now_ms: int, count: ImportCount
) -> None:
    needed = sum(len(batch.metrics) for batch in group)
    if database.figures().bytes_used + needed > _ROOM * limits.max_bytes:
        done = count.readings - sum(batch.readings for batch in group)
        raise SpoolFull(
            f"no room for more history after {done} readings: it may take {_ROOM:.0%} of spool.max_bytes. "
            "Let the agent send what waits, or raise spool.max_bytes, then import the file again: "
            "what is in already is written a second time with the same values"
        )
    database.commit(group, [], now_ms)
    # Between two transactions the agent's own commit must find the database free.
    time.sleep(_BETWEEN_GROUPS_S)


def spool_status(spool_file: Path) -> dict[str, Any]:
    """The spool's state for people and programs; batches are counted in `depth`, else readings.

    Raises:
        SpoolError: there is no spool, or it cannot be read.
    """
    database = SpoolDatabase.open(spool_file, SpoolLimits(), create=False)
    try:
        figures = database.figures()
        return {
            "epoch": figures.epoch,
            "depth": figures.depth,
            "waiting_readings": figures.waiting_readings,
            "oldest_ms": figures.oldest_ms,
            "committed": figures.committed,
            "acked": figures.acked,
            "dropped": figures.dropped,
            "thinned": figures.thinned,
            "without_time": figures.unsettled,
            "kept_batches": database.kept(),
            "bytes_used": figures.bytes_used,
        }
    except sqlite3.Error as error:
        raise SpoolError(f"{spool_file} cannot be read: {error}") from error
    finally:
        database.close()


def export_readings(spool_file: Path) -> Iterator[dict[str, Any]]:
    """Every reading of the spool, waiting and kept, by batch: what was committed, with its times.

    A reading whose time is not known yet has the milliseconds since the start of a boot instead.

    Raises:
        SpoolError: there is no spool, or it is broken from here on.
    """
    database = SpoolDatabase.open(spool_file, SpoolLimits(), create=False)
    try:
        for batch, is_acked in database.every_batch():
            for reading in decode_readings(batch.device, batch.metrics):
                yield {
                    "device": reading.device,
                    "metric": reading.metric,
                    "value": reading.value,
                    "type": reading.type.value,
                    "time_ms": None if batch.boot else reading.time_ms,
                    **({"boot": batch.boot, "since_boot_ms": reading.time_ms} if batch.boot else {}),
                    "quality": int(reading.quality),
                    "batch": f"{database.epoch}:{batch.number}",
                    "acked": is_acked,
                }
    except sqlite3.Error as error:
        raise SpoolError(f"{spool_file}: broken: {error}") from error
    finally:
        database.close()
