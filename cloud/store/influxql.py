"""InfluxQL over HTTP: quoting, one statement a request, and its answer as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from cloud.store.http import Answer, HttpServer
from cloud.store.port import StoreUnavailable

FORM: Final = "application/x-www-form-urlencoded"
_STATEMENTS_A_REQUEST: Final = 50


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

    def __init__(self, server: HttpServer, database: str, *, several: bool = True) -> None:
        """`several`: the server takes several statements in a request, which InfluxDB 3 does not promise."""
        self._server = server
        self._database = database
        self._several = several

    def ask(self, statement: str) -> list[Table]:
        """The answer to one statement, times in milliseconds; nothing where the database does not exist yet.

        Raises:
            StoreUnavailable: the server does not answer, refuses the statement, or cut its answer short.
        """
        return self._ask([statement])[0]

    def ask_all(self, statements: Sequence[str]) -> list[list[Table]]:
        """The answers to many statements, in their order, by as few requests as the server allows.

        Raises:
            StoreUnavailable: as `ask`.
        """
        size = _STATEMENTS_A_REQUEST if self._several else 1
        answers: list[list[Table]] = []
        for first in range(0, len(statements), size):
            answers += self._ask(statements[first : first + size])
        return answers

    def _ask(self, statements: Sequence[str]) -> list[list[Table]]:
        statement = ";".join(statements)
        parameters = {"db": self._database, "epoch": "ms"}
        # a long statement does not fit a URL; as a form it is read the same
        body = urlencode({"q": statement}).encode()
        answer = self._server.post("/query", parameters, body, content_type=FORM)
        results = _results(answer, statement)
        tables: list[list[Table]] = [[] for _ in statements]
        for place, result in enumerate(results):
            where = result.get("statement_id", place)
            for each in result.get("series", ()):
                table = Table(each["name"], each.get("tags", {}), each["columns"], each.get("values", ()))
                tables[where].append(table)
        return tables


def _results(answer: Answer, statement: str) -> list[Any]:
    told = answer.json()
    results: list[Any] = told.get("results", []) if isinstance(told, dict) else []
    failures = ([] if answer.status == 200 else [answer.error]) + [
        each["error"] for each in results if "error" in each
    ]
    if any("database not found" in each for each in failures):
        return []
    failure = failures[0] if failures else ""
    if failure:
        raise StoreUnavailable(f"the store refuses {statement[:200]!r}: {failure}")
    if any(each.get("partial") for result in results for each in result.get("series", ())):
        raise StoreUnavailable(f"the store cut its answer to {statement[:200]!r}: set max-row-limit = 0")
    return results
