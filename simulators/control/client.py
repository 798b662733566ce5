"""Asks a running simulator."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from simulators.control.protocol import MAX_LINE, encode
from simulators.errors import SimError, SimUnreachable

TIMEOUT_S: Final = 5.0


def ask(control: Path, request: BaseModel) -> dict[str, Any]:
    """The answer of the simulator at `control`.

    Raises:
        SimUnreachable: nobody answers there.
        SimError: it says that it cannot do this.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(control))
            connection.sendall(encode(request.model_dump()))
            with connection.makefile("rb") as stream:
                answer = json.loads(stream.readline(64 * MAX_LINE))
    except (OSError, ValueError) as failure:
        raise SimUnreachable(
            f"no simulator answers at {control} ({getattr(failure, 'strerror', None) or failure}). "
            "Start one (make demo, or kega sim run --config sim.yaml)."
        ) from failure
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise SimError(str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer))
    return answer
