"""One ingest worker against the same server's own limit, and beside the peers, on the same burst.

`--quick` for a trial: fewer messages, one round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cloud.store import open_store
from tests.bench.ingest_peers.fleet import POINTS, STEP_MS, Gateway, device_id, field_names
from tests.bench.ingest_peers.peers import measure
from tests.bench.ingest_peers.process import cpu_s
from tests.bench.ingest_peers.raw import write_lines
from tests.bench.ingest_peers.sender import Plan
from tests.bench.ingest_peers.worker import begin_ms, ingest, outcome_of, start_sending
from tests.bench.report import Figure, write
from tests.servers import InfluxDB1, Mosquitto, Server, VictoriaMetrics, running

COMMAND = "make bench-ingest"
GATEWAYS = 200
_NO_LIMIT = "max_queued_messages 0\nmax_inflight_messages 0\n"


@dataclass(frozen=True)
class Drain:
    """What one worker did with a backlog."""

    points_a_second: float
    cpu_s_per_100k: float
    server_cpu_s_per_100k: float
    peak_rss_mb: float


def drain(folder: Path, store_url: str, server: Server | None, messages: int) -> Drain:
    """A backlog of all gateways through mosquitto and one worker; all of it must be in the store."""
    begin = begin_ms(messages, STEP_MS)
    total = GATEWAYS * messages * POINTS
    with (
        running(lambda place: Mosquitto(place, _NO_LIMIT)) as broker,
        ingest(folder, broker.url, store_url, GATEWAYS) as workers,  # type: ignore[attr-defined]
    ):
        workers.start()
        warm = Plan(broker.port, GATEWAYS, 20, begin - 3_600_000)  # type: ignore[attr-defined]
        outcome_of(start_sending(warm))
        cpu, server_cpu = workers.cpu_s(), _cpu(server)
        outcome = outcome_of(start_sending(Plan(broker.port, GATEWAYS, messages, begin)))  # type: ignore[attr-defined]
        seconds = outcome.ended_s - outcome.begun_s
        assert outcome.lost == 0, f"{outcome.lost} messages were never acknowledged"
        drained = Drain(
            total / seconds,
            (workers.cpu_s() - cpu) / total * 1e5,
            (_cpu(server) - server_cpu) / total * 1e5,
            workers.peak_rss_mb(),
        )
    check(store_url, begin, messages)
    return drained


def check(store_url: str, begin: int, messages: int, gateways: int = GATEWAYS) -> None:
    """Every value is there, and of three gateways every one is the one that was sent."""
    store = open_store(store_url)
    try:
        end = begin + messages * STEP_MS
        expected = gateways * messages * POINTS
        deadline = time.monotonic() + 60
        while (stored := store.count(begin, end)) != expected and time.monotonic() < deadline:
            time.sleep(1)  # VictoriaMetrics shows what it took some seconds later
        assert stored == expected, f"{stored} of {expected} values are stored"
        for index in (0, gateways // 2, gateways - 1):
            gateway = Gateway(index, begin)
            for place, field in enumerate(field_names()):
                samples = store.series(device_id(index), field, begin, end)
                wanted = [float(gateway.values(number)[place]) for number in range(messages)]
                assert [float(sample.value) for sample in samples] == wanted, f"{field} of {index} differs"  # type: ignore[arg-type]
    finally:
        store.close()


def raw(port: int, path: str, messages: int) -> float:
    """Points a second that the server takes of the same lines from a bare writer over one connection."""
    begin = begin_ms(messages, STEP_MS)
    gateways = [Gateway(index, begin) for index in range(GATEWAYS)]
    lines = [gateway.line(number) for number in range(messages) for gateway in gateways]
    return len(lines) * POINTS / write_lines(port, path, lines)


def _cpu(server: Server | None) -> float:
    return 0.0 if server is None or server.process is None else cpu_s(server.process.pid)


def against_influxdb(folder: Path, messages: int, rounds: int) -> tuple[list[float], list[Drain]]:
    """Raw writes and drains in turn, each with a database of its own."""
    raws, drains = [], []
    for each in range(rounds):
        with running(InfluxDB1) as influx:
            for name in ("raw", "kega"):
                urllib.request.urlopen(f"{influx.url}/query?q=CREATE+DATABASE+{name}", b"").close()  # type: ignore[attr-defined]
            raws.append(raw(influx.port, "/write?db=raw&precision=ms", messages))  # type: ignore[attr-defined]
            url = f"influx1://127.0.0.1:{influx.port}/kega"  # type: ignore[attr-defined]
            drains.append(drain(folder / f"influx-{each}", url, influx, messages))
    return raws, drains


def against_victoria(folder: Path, messages: int, rounds: int) -> tuple[list[float], list[Drain]]:
    """The same on VictoriaMetrics."""
    raws, drains = [], []
    for each in range(rounds):
        with running(VictoriaMetrics) as victoria:
            raws.append(raw(victoria.port, "/write?precision=ms", messages))  # type: ignore[attr-defined]
        with running(VictoriaMetrics) as victoria:
            url = f"influx2+{victoria.url}/?bucket=kega&org=kega"  # type: ignore[attr-defined]
            drains.append(drain(folder / f"victoria-{each}", url, victoria, messages))
    return raws, drains


PEERS = {
    # name → reference in words, messages of each gateway in the burst, and in a trial
    "node-red-batched": ("hand-batched Node-RED", 100, 30),
    "node-red": ("ordinary Node-RED", 40, 10),
    "mqttwarn": ("mqttwarn", 6, 2),
    "mqtt2influxdb": ("mqtt2influxdb", 3, 1),
}


def servers(folder: Path, messages: int, rounds: int) -> tuple[list[Figure], float, float]:
    """One worker against the limit of each store; also its rate and CPU with InfluxDB."""
    figures: list[Figure] = []
    rates: list[float] = []
    cpus: list[float] = []
    for title, run in (("InfluxDB 1.6.7", against_influxdb), ("VictoriaMetrics", against_victoria)):
        raws, drains = run(folder, messages, rounds)
        rate = statistics.median(each.points_a_second for each in drains)
        cpu = statistics.median(each.cpu_s_per_100k for each in drains)
        server_cpu = statistics.median(each.server_cpu_s_per_100k for each in drains)
        memory = max(each.peak_rss_mb for each in drains)
        rates.append(rate)
        cpus.append(cpu)
        share = rate / statistics.median(raws)
        bare = "bare HTTP writer, same lines"
        figures += [
            Figure(f"one worker into {title}", rate, "points/s", bare, share, COMMAND),
            Figure("its CPU", cpu, "s per 100,000 points", f"CPU of {title}", cpu / server_cpu, COMMAND),
            Figure("its memory", memory, "MB, peak", "250 MB allowed", memory / 250, COMMAND),
        ]
    drained = drain(folder / "sqlite", f"sqlite:///{folder}/store.db", None, messages // 4)
    rate = drained.points_a_second
    figures.append(Figure("one worker into SQLite", rate, "points/s", "InfluxDB", rate / rates[0], COMMAND))
    return figures, rates[0], cpus[0]


def peers(folder: Path, rate: float, cpu: float, *, quick: bool) -> list[Figure]:
    """The others on a burst of JSON of the same values, into InfluxDB 1.6.7."""
    figures: list[Figure] = []
    for name, (title, most, few) in PEERS.items():
        messages = few if quick else most
        found = measure(name, folder / name, GATEWAYS, messages, begin_ms(messages, STEP_MS))
        print(f"{title}: {found}")
        figures += [
            Figure("one worker", rate, "points/s", title, rate / found.points_a_second, COMMAND),
            Figure("its CPU", cpu, "s per 100,000 points", title, cpu / found.cpu_s_per_100k, COMMAND),
        ]
    return figures


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    messages, rounds = (100, 1) if options.quick else (400, 5)
    with tempfile.TemporaryDirectory(prefix="kega-bench-") as name:
        folder = Path(name)
        figures, rate, cpu = servers(folder, messages, rounds)
        figures += peers(folder, rate, cpu, quick=options.quick)
    write("ingest", figures)


if __name__ == "__main__":
    main()
