"""Imports run one way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_layers_are_kept() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        check=False,
        text=True,
        capture_output=True,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contract_needs_no_other_package() -> None:
    script = (
        "import sys, telemetry.cli, telemetry.mqtt, telemetry.logs, telemetry.commands,"
        "telemetry.sparkplug.metrics, telemetry.devices.library, telemetry.monitor.cli,"
        "telemetry.monitor.watch, telemetry.monitor.catalogue;"
        "print([name for name in sys.modules if name.split('.')[0] in ('edge', 'cloud', 'simulators')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, text=True, capture_output=True, cwd="/"
    )
    assert result.stdout.strip() == "[]"
