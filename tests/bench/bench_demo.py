"""The demo: time until every device is fresh, and memory of all its processes, beside what is allowed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from tests.bench.report import Figure, write
from tests.servers import free_port

COMMAND = "make bench-demo"
ALLOWED_READY_S = 60
ALLOWED_BYTES = 600e6
SECONDS = 60


def main() -> None:
    """Run the demo for a minute and report."""
    with tempfile.TemporaryDirectory(prefix="kega-") as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "telemetry", "demo", "--json", "--folder", f"{folder}/demo"),
                *("--port", str(free_port()), "--seconds", str(SECONDS)),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    summary = json.loads(done.stdout.splitlines()[-1])
    ready, memory = summary["ready_after_s"], summary["memory_peak_bytes"]
    write(
        "demo",
        [
            Figure("all devices fresh", ready, "s", "60 s allowed", ready / ALLOWED_READY_S, COMMAND),
            Figure(
                "memory of all processes (PSS, peak)",
                *(memory / 1e6, "MB", "600 MB allowed", memory / ALLOWED_BYTES, COMMAND),
            ),
            Figure(
                "readings stored",
                *(summary["stored"], "readings", "readings produced"),
                *(summary["stored"] / summary["produced"], COMMAND),
            ),
        ],
    )


if __name__ == "__main__":
    main()
