"""Memory of a real agent while the broker is away: `make bench-supervision` (SECONDS=120)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.report import Figure, write
from tests.edge.agent.process import write_config
from tests.edge.bus.raw_device import RawDevice, on_tcp
from tests.servers import free_port

COMMAND = "make bench-supervision"
WARM_S = 20.0
LOOK_EVERY_S = 1.0


async def measure(seconds: float) -> list[float]:
    """Resident megabytes, second by second, of an agent that polls a lamp 40 times a second for nobody."""
    with tempfile.TemporaryDirectory(prefix="kega-bench-") as name:
        folder = Path(name)
        async with on_tcp(RawDevice({1, 10}, registers={0: 0x4366, 1: 0x0000})) as port:
            config = write_config(folder, {"url": f"mqtt://127.0.0.1:{free_port()}"}, port)
            config.write_text(config.read_text(encoding="utf-8").replace("every_s: 0.2", "every_s: 0.05"))
            with (folder / "agent.log").open("ab") as log:
                agent = subprocess.Popen(
                    [sys.executable, "-m", "telemetry", "edge", "run", "--config", str(config)],
                    stdout=log,
                    stderr=log,
                )
            try:
                await asyncio.sleep(WARM_S)
                resident = []
                for _ in range(round(seconds / LOOK_EVERY_S)):
                    await asyncio.sleep(LOOK_EVERY_S)
                    resident.append(_resident_mb(agent.pid))
                return resident
            finally:
                agent.terminate()
                await asyncio.to_thread(agent.wait, 30)


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure, and write the figures."""
    seconds = float(os.environ.get("SECONDS", "120"))
    resident = asyncio.run(measure(seconds))
    quarter = max(1, len(resident) // 4)
    first, last = (sum(part) / len(part) for part in (resident[:quarter], resident[-quarter:]))
    kept = f"{seconds:.0f} s with the broker away"
    write(
        "supervision",
        [
            Figure(
                f"resident memory at the end of {kept}", last, "MB", "its beginning", last / first, COMMAND
            ),
            Figure(
                f"growth over {kept}",
                (last - first) / (0.75 * seconds) * 1000,
                "kB/s",
                "8500 kB/s of a gateway that queues in memory",
                (last - first) / (0.75 * seconds) / 8.5,
                COMMAND,
            ),
        ],
    )


if __name__ == "__main__":
    main()
