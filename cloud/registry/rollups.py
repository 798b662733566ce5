"""How far roll-ups have come, and which devices brought late values: what a restart must not lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import case, delete, select

from cloud.registry.port import LateRange
from cloud.registry.tables import ROLLUP_LATE, ROLLUP_PROGRESS
from cloud.registry.transactions import Transactions


class RollupRecords(Transactions):
    """The part of the registry that keeps the progress of roll-ups. One row a device at most."""

    def rollup_progress(self) -> dict[str, int]:
        """Tier → time until which its roll-ups are made."""
        with self._reading() as connection:
            rows = connection.execute(select(ROLLUP_PROGRESS.c.tier, ROLLUP_PROGRESS.c.until_ms)).all()
        return {row.tier: row.until_ms for row in rows}

    def set_rollup_progress(self, tier: str, until_ms: int) -> None:
        """Roll-ups of the tier are made until then; it never goes back."""
        insert = self._insert(ROLLUP_PROGRESS).values(tier=tier, until_ms=until_ms)
        newer = insert.excluded["until_ms"] > ROLLUP_PROGRESS.c.until_ms
        with self._writing() as connection:
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["tier"], set_={"until_ms": insert.excluded["until_ms"]}, where=newer
                )
            )

    def mark_late(self, ranges: Mapping[str, tuple[int, int]]) -> None:
        """Values of these times came late; the range of a device that is marked already grows."""
        if not ranges:
            return
        insert = self._insert(ROLLUP_LATE)
        new, old = insert.excluded, ROLLUP_LATE.c
        upsert = insert.on_conflict_do_update(
            index_elements=["device"],
            set_={
                "start_ms": case((new["start_ms"] < old.start_ms, new["start_ms"]), else_=old.start_ms),
                "end_ms": case((new["end_ms"] > old.end_ms, new["end_ms"]), else_=old.end_ms),
                "times": old.times + 1,
            },
        )
        # In order of id, so that two writers never wait for each other crosswise.
        rows = [
            {"device": device, "start_ms": start_ms, "end_ms": end_ms, "times": 1}
            for device, (start_ms, end_ms) in sorted(ranges.items())
        ]
        with self._writing() as connection:
            connection.execute(upsert, rows)

    def late_ranges(
        self, *, devices: Sequence[str] | None = None, after: str = "", limit: int = 1000
    ) -> list[LateRange]:
        """Marked devices in order of id, beginning behind `after`; of `devices` only, where given."""
        query = select(ROLLUP_LATE).where(ROLLUP_LATE.c.device > after).order_by(ROLLUP_LATE.c.device)
        if devices is not None:
            query = query.where(ROLLUP_LATE.c.device.in_(devices))
        with self._reading() as connection:
            return [LateRange(*row) for row in connection.execute(query.limit(limit))]

    def late_done(self, ranges: Sequence[LateRange]) -> None:
        """These were looked at again; one that was marked meanwhile stays."""
        with self._writing() as connection:
            for each in ranges:
                connection.execute(
                    delete(ROLLUP_LATE).where(
                        ROLLUP_LATE.c.device == each.device, ROLLUP_LATE.c.times == each.times
                    )
                )
