"""What a database takes of ready-made lines from a bare HTTP writer: the limit that ingest is held to."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence


def write_lines(port: int, path: str, lines: Sequence[str], lines_a_request: int = 2000) -> float:
    """Seconds that one connection takes to write `lines`, prebuilt to whole bodies."""
    bodies = [
        "\n".join(lines[first : first + lines_a_request]).encode()
        for first in range(0, len(lines), lines_a_request)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    begun = time.perf_counter()
    for body in bodies:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise AssertionError(f"{path} answers {answer.status}")
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds
