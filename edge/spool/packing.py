"""Batches made small for the disk: deflated with an earlier batch of the same device as dictionary.

Two batches of one device differ in a few bytes of each value and time; everything else, names above all, is
found in the dictionary. A batch of 20 metrics takes 200 bytes instead of 680. A dictionary is kept twice, in
two tables, because many batches depend on it.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Final

_LEVEL: Final = 3
_LARGEST_TEMPLATE: Final = 4096
_SMALL: Final = 8192
_OUTGROWN: Final = 1.25
ALONE: Final = 0
"""In place of a template's number: deflated without a dictionary."""


class Packing:
    """The templates of one open spool file. Call `forget` when a transaction is rolled back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._templates: dict[int, bytes] = {}
        self._newest: dict[str, int] = {}

    def forget(self) -> None:
        """Read templates from the file again: some of those known may never have been committed."""
        self._templates.clear()
        self._newest.clear()

    def pack(self, device: str, metrics: bytes) -> tuple[int | None, bytes]:
        """What to store for `metrics`: number of the template (None: stored plain), and the bytes.

        Raises:
            sqlite3.Error: a new template could not be written.
        """
        template = self._template_for(device, metrics)
        packed = _deflate(metrics, self._templates.get(template, b""))
        return (template, packed) if len(packed) < len(metrics) else (None, metrics)

    def unpack(self, template: int | None, stored: bytes) -> bytes:
        """The metrics that `pack` was given.

        Raises:
            ValueError: they cannot be had: bytes or template are damaged.
            sqlite3.Error: the file is broken.
        """
        if template is None:
            return stored
        dictionary = b"" if template == ALONE else self._load(template)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS, zdict=dictionary)
        try:
            return inflater.decompress(stored) + inflater.flush()
        except zlib.error as error:
            raise ValueError(f"a stored batch cannot be inflated: {error}") from error

    def _template_for(self, device: str, metrics: bytes) -> int:
        number = self._newest.get(device)
        if number is None:
            row = self._connection.execute(
                "SELECT max(id) FROM template WHERE device = ?", (device,)
            ).fetchone()
            number = row[0] or ALONE
        if number != ALONE:
            try:
                self._load(number)
            except ValueError:
                number = ALONE
        if len(metrics) <= _LARGEST_TEMPLATE and (
            number == ALONE or len(metrics) > _OUTGROWN * len(self._templates[number])
        ):
            number = self._learn(device, metrics)
        self._newest[device] = number
        return number

    def _learn(self, device: str, metrics: bytes) -> int:
        crc = zlib.crc32(metrics)
        number = self._connection.execute(
            "INSERT INTO template (device, crc, metrics) VALUES (?, ?, ?)", (device, crc, metrics)
        ).lastrowid
        assert number is not None
        self._connection.execute(
            "INSERT INTO template_copy (id, crc, metrics) VALUES (?, ?, ?)", (number, crc, metrics)
        )
        self._templates[number] = metrics
        return number

    def _load(self, number: int) -> bytes:
        known = self._templates.get(number)
        if known is not None:
            return known
        failure: sqlite3.Error | None = None
        for table in ("template", "template_copy"):
            try:
                row = self._connection.execute(
                    f"SELECT crc, metrics FROM {table} WHERE id = ?",  # noqa: S608, our own names
                    (number,),
                ).fetchone()
            except sqlite3.Error as error:
                failure = error
                continue
            if row is not None and isinstance(row[1], bytes) and zlib.crc32(row[1]) == row[0]:
                self._templates[number] = row[1]
                return row[1]
        if failure is not None:
            raise failure
        raise ValueError(f"template {number} is lost")


def _deflate(data: bytes, dictionary: bytes) -> bytes:
    window, memory = (-12, 5) if len(data) <= _SMALL else (-zlib.MAX_WBITS, 8)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, window, memory, zdict=dictionary)
    return packer.compress(data) + packer.flush()
