"""History into the gateways' spools, by the command that a technician would use."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.errors import SimError

TIMEOUT_S: Final = 600.0
_KEGA: Final = (sys.executable, "-m", "telemetry")


@dataclass(frozen=True, slots=True)
class Fed:
    """What a gateway's spool took of a file."""

    readings: int
    refused: int
    """Lines that it did not take: what the gateway has measured itself by now is not history any more."""


def feed_spools(files: Mapping[str, Path], gateways: Path) -> dict[str, Fed]:
    """Import each gateway's file with `kega edge spool import`; what came of it, by gateway.

    Args:
        files: history by gateway.
        gateways: folder of the gateways' configurations, named `<gateway>.yaml`.

    Raises:
        SimError: a configuration is missing, or an import failed or took longer than TIMEOUT_S.
    """
    missing = [gateway for gateway in files if not (gateways / f"{gateway}.yaml").is_file()]
    if missing:
        raise SimError(
            f"no configuration of {', '.join(missing)} in {gateways}: name its folder by --gateways"
        )
    return {gateway: _feed(gateway, file, gateways / f"{gateway}.yaml") for gateway, file in files.items()}


def _feed(gateway: str, file: Path, config: Path) -> Fed:
    command = [*_KEGA, "edge", "spool", "import", "--config", str(config), "--json", str(file)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        found = json.loads(done.stdout)
        return Fed(int(found["readings"]), int(found["refused"]))
    except subprocess.TimeoutExpired:
        raise SimError(f"import of {file} into {gateway} took longer than {TIMEOUT_S:g} s") from None
    except (ValueError, KeyError, TypeError):
        raise SimError(f"import of {file} into {gateway} failed: {done.stderr.strip()}") from None
