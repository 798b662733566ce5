"""InfluxQL over HTTP: quoting, one statement a request, and its answer as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.store.http import Answer, HttpServer
from cloud.store.port import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Table:
    """One series of an answer: rows of one measurement, and of one group where the statement groups."""

    measurement: str
    tags: Mapping[str, str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def quote_name(name: str) -> str:
    """`name` as an identifier, whatever it holds."""
    return '"' + _escaped(name).replace('"', '\\"') + '"'


def quote_text(text: str) -> str:
    """`text` as a string literal, whatever it holds."""
    return "'" + _escaped(text).replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


class InfluxQL:
    """Statements on one database. Thread-safe."""

    def __init__(self, server: HttpServer, database: str) -> None:
        self._server = server
        self._database = database

    def ask(self, statement: str) -> list[Table]:
        """The answer to one statement, times in milliseconds; nothing where the database does not exist yet.

        Raises:
            StoreUnavailable: the server does not answer, refuses the statement, or cut its answer short.
        """
        answer = self._server.get("/query", {"db": self._database, "epoch": "ms", "q": statement})
        found = _series(answer, statement)
        return [Table(each["name"], each.get("tags", {}), each["columns"], each["values"]) for each in found]


def _series(answer: Answer, statement: str) -> list[Any]:
    told = answer.json()
    results = told.get("results", []) if isinstance(told, dict) else []
    failure = "" if answer.status == 200 else answer.error
    failure = failure or next((each["error"] for each in results if "error" in each), "")
    if "database not found" in failure:
        return []
    if failure:
        raise StoreUnavailable(f"the store refuses {statement[:200]!r}: {failure}")
    series = [each for result in results for each in result.get("series", ())]
    if any(each.get("partial") for each in series):
        raise StoreUnavailable(f"the store cut its answer to {statement[:200]!r}: set max-row-limit = 0")
    return series
