"""The demo's view of the cloud: a few calls of the HTTP API, as any script would make them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from telemetry.errors import KegaError


class ApiError(KegaError):
    """The API does not answer, or not as it should."""

    unreachable = True


@dataclass(frozen=True, slots=True)
class Client:
    """Calls `/api/v1` of `base_url` with a token."""

    base_url: str
    token: str = ""

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET of `/api/v1/<path>`.

        Raises:
            ApiError: no answer, or a refusal.
        """
        return json.loads(self._call("GET", f"{path}?{urlencode(query)}" if query else path))

    def metric(self, name: str) -> float:
        """A counter or gauge of the cloud's Prometheus figures, summed over its labels. Raises as `get`."""
        lines = self._call("GET", "metrics").decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name
        )

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to a POST of `/api/v1/<path>`. Raises as `get`."""
        return json.loads(self._call("POST", path, {} if body is None else body))

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310, always http on loopback
            f"{self.base_url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as error:
            raise ApiError(
                f"{method} {path}: {error.code} {error.read(300).decode(errors='replace')}"
            ) from error
        except OSError as error:
            raise ApiError(f"{method} {path}: {error}") from error
