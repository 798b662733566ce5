"""One time-series server over HTTP: connections, credentials, and failures as `StoreUnavailable`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import urllib3

from cloud.store.port import StoreUnavailable

_TIMEOUT: Final = urllib3.Timeout(connect=5, read=60)
_CONNECTIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The server's own words, at most 500 characters."""
        text = self.body.decode(errors="replace")
        try:
            told = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            told = None
        if isinstance(told, dict):
            text = str(told.get("error") or told.get("message") or text)
        return text.strip()[:500]

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            StoreUnavailable: it is none (a proxy's page, a cut answer).
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as failure:
            raise StoreUnavailable(f"the store's answer is no JSON: {self.body[:100]!r}") from failure


class HttpServer:
    """A pool of connections to one server. Thread-safe."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.connection_from_url(
            self.url, maxsize=_CONNECTIONS, headers=dict(headers or {}), timeout=_TIMEOUT, retries=False
        )

    def get(self, path: str, parameters: Mapping[str, str]) -> Answer:
        """GET. Raises StoreUnavailable."""
        return self._ask("GET", path, parameters)

    def post(
        self, path: str, parameters: Mapping[str, str], body: bytes, *, content_type: str | None = None
    ) -> Answer:
        """POST `body`, the parameters in the URL. Raises StoreUnavailable."""
        return self._ask("POST", path, parameters, body, content_type)

    def patch(self, path: str, body: bytes, *, content_type: str) -> Answer:
        """PATCH. Raises StoreUnavailable."""
        return self._ask("PATCH", path, {}, body, content_type)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> Answer:
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        headers = dict(self._pool.headers) | ({} if content_type is None else {"Content-Type": content_type})
        try:
            answer = self._pool.urlopen(method, target, body=body, headers=headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(f"store {self.url} cannot be reached: {error}") from error
        if answer.status >= 500 or answer.status == 429:
            said = Answer(answer.status, answer.headers, answer.data).error
            raise StoreUnavailable(f"store {self.url} answers {answer.status}: {said}")
        if answer.status in (401, 403):
            raise StoreUnavailable(
                f"store {self.url} refuses the login ({answer.status}): "
                "check user and password, or the token file"
            )
        return Answer(answer.status, answer.headers, answer.data)
