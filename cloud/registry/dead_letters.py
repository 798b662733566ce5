"""Messages that could not be stored, kept for people: a bounded shelf, with counters that never forget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select

from cloud.registry.port import DeadLetter
from cloud.registry.tables import DEAD_LETTER_COUNTS, DEAD_LETTERS
from cloud.registry.transactions import Transactions

DEAD_LETTERS_KEPT: Final = 10_000
PAYLOAD_BYTES_KEPT: Final = 64 * 1024
"""Of each message."""
BYTES_KEPT: Final = 64 * 1024 * 1024
"""Of all payloads together."""


class DeadLetters(Transactions):
    """The part of the registry that keeps dead letters."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        """Keep them (their `id` is given anew); past the bounds in number and bytes the oldest go.

        Returns how many went; all that ever came stay counted.
        """
        if not letters:
            return 0
        rows = [
            {
                "received_ms": letter.received_ms,
                "topic": letter.topic,
                "reason": letter.reason,
                "detail": letter.detail,
                "size": letter.size,
                "payload": letter.payload[:PAYLOAD_BYTES_KEPT],
            }
            for letter in letters[-DEAD_LETTERS_KEPT:]
        ]
        insert = self._insert(DEAD_LETTER_COUNTS)
        count = insert.on_conflict_do_update(
            index_elements=["reason"], set_={"count": DEAD_LETTER_COUNTS.c.count + insert.excluded["count"]}
        )
        newest_first = DEAD_LETTERS.c.id.desc()
        summed = select(
            DEAD_LETTERS.c.id,
            func.row_number().over(order_by=newest_first).label("number"),
            func.sum(func.length(DEAD_LETTERS.c.payload)).over(order_by=newest_first).label("bytes"),
        ).subquery()
        oldest_but = (
            select(func.max(summed.c.id))
            .where((summed.c.number > DEAD_LETTERS_KEPT) | (summed.c.bytes > BYTES_KEPT))
            .scalar_subquery()
        )
        with self._writing() as connection:
            connection.execute(DEAD_LETTERS.insert(), rows)
            for reason, number in sorted(Counter(letter.reason for letter in letters).items()):
                connection.execute(count, {"reason": reason, "count": number})
            gone = connection.execute(delete(DEAD_LETTERS).where(DEAD_LETTERS.c.id <= oldest_but)).rowcount
        return len(letters) - len(rows) + gone

    def delete_dead_letters(
        self, ids: Sequence[int] | None = None, *, before_ms: int | None = None, reason: str = ""
    ) -> int:
        """Throw away those that meet all that is given; returns how many. They stay counted."""
        unwanted = delete(DEAD_LETTERS)
        if ids is not None:
            unwanted = unwanted.where(DEAD_LETTERS.c.id.in_(ids))
        if before_ms is not None:
            unwanted = unwanted.where(DEAD_LETTERS.c.received_ms < before_ms)
        if reason:
            unwanted = unwanted.where(DEAD_LETTERS.c.reason == reason)
        with self._writing() as connection:
            return connection.execute(unwanted).rowcount

    def dead_letters(self, *, after: int = 0, limit: int = 100, reason: str = "") -> list[DeadLetter]:
        """Oldest first, beginning behind the id `after`; of one reason where it is given."""
        query = select(DEAD_LETTERS).where(DEAD_LETTERS.c.id > after).order_by(DEAD_LETTERS.c.id).limit(limit)
        if reason:
            query = query.where(DEAD_LETTERS.c.reason == reason)
        with self._reading() as connection:
            return [
                DeadLetter(**row._mapping)  # noqa: SLF001, SQLAlchemy's public name
                for row in connection.execute(query)
            ]

    def dead_letter_counts(self) -> dict[str, int]:
        """Reason → how many ever."""
        with self._reading() as connection:
            rows = connection.execute(select(DEAD_LETTER_COUNTS).order_by(DEAD_LETTER_COUNTS.c.reason)).all()
        return {row.reason: row[1] for row in rows}
