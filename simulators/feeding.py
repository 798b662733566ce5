"""History into the gateways' spools, by the command that a technician would use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from simulators.errors import SimError

TIMEOUT_S: Final = 600.0
_KEGA: Final = (sys.executable, "-m", "telemetry")


def feed_spools(files: Mapping[str, Path], gateways: Path) -> None:
    """Import each gateway's file with `kega edge spool import`.

    Args:
        files: history by gateway.
        gateways: folder of the gateways' configurations, named `<gateway>.yaml`.

    Raises:
        SimError: a configuration is missing, or an import failed or took longer than TIMEOUT_S.
    """
    for gateway, file in files.items():
        config = gateways / f"{gateway}.yaml"
        if not config.is_file():
            raise SimError(f"no configuration {config} for gateway {gateway}: name its folder by --gateways")
        command = [*_KEGA, "edge", "spool", "import", "--config", str(config), str(file)]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise SimError(f"import of {file} into {gateway} took longer than {TIMEOUT_S:g} s") from None
        if done.returncode != 0:
            raise SimError(f"import of {file} into {gateway} failed: {done.stderr.strip()}")
