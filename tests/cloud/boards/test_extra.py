"""Without kega[grafana] the command says how to get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_missing_extra_is_named_with_the_way_to_install_it(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['grafana_client'] = None; from telemetry.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", blocked, "cloud", "boards", "write", "--out", tmp_path],
        check=False,
        text=True,
        capture_output=True,
        timeout=30,
    )
    assert result.returncode == 1
    assert "pip install 'kega[grafana]'" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
