"""Messages that could not be stored, kept for people: a bounded shelf, with counters that never forget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select

from cloud.registry.port import DeadLetter
from cloud.registry.tables import DEAD_LETTER_COUNTS, DEAD_LETTERS
from cloud.registry.transactions import Transactions

DEAD_LETTERS_KEPT: Final = 10_000
PAYLOAD_BYTES_KEPT: Final = 64 * 1024
"""Of each message; with the bound above the shelf stays below 160 MB."""


class DeadLetters(Transactions):
    """The part of the registry that keeps dead letters."""

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them (their `id` is given anew); past the bound the oldest go, and are counted."""
        if not letters:
            return
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
        oldest_but = (
            select(DEAD_LETTERS.c.id)
            .order_by(DEAD_LETTERS.c.id.desc())
            .offset(DEAD_LETTERS_KEPT)
            .limit(1)
            .scalar_subquery()
        )
        with self._writing() as connection:
            connection.execute(DEAD_LETTERS.insert(), rows)
            for reason, number in sorted(Counter(letter.reason for letter in letters).items()):
                connection.execute(count, {"reason": reason, "count": number})
            connection.execute(delete(DEAD_LETTERS).where(DEAD_LETTERS.c.id <= oldest_but))

    def dead_letters(self, *, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Oldest first, beginning behind the id `after`."""
        query = select(DEAD_LETTERS).where(DEAD_LETTERS.c.id > after).order_by(DEAD_LETTERS.c.id).limit(limit)
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
