"""Other people's bridges from MQTT to InfluxDB, each in an environment of its own under var/bench."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.ingest_peers.fleet import POINTS, field_names
from tests.bench.ingest_peers.process import cpu_s, peak_rss_mb
from tests.bench.ingest_peers.sender import Plan
from tests.bench.ingest_peers.worker import outcome_of, start_sending
from tests.cloud.store.v2_front import V2Front
from tests.servers import InfluxDB1, Mosquitto, free_port, running, wait_until

ROOT: Final = Path(__file__).parents[3] / "var" / "bench"
STILL_S: Final = 15.0
"""A bridge that stores nothing new for so long has ended."""
_NAIVE: Final = """
const fields = msg.payload.v; fields.time = new Date(msg.payload.ts);
msg.payload = [fields, {gw: msg.payload.gw}]; return msg;
"""
_COLLECT: Final = """
const kept = context.get('kept') || [];
kept.push({measurement: 'peer', fields: msg.payload.v, tags: {gw: msg.payload.gw},
           timestamp: new Date(msg.payload.ts)});
if (kept.length >= 500) { context.set('kept', []); return {payload: kept}; }
context.set('kept', kept); return null;
"""
_FLUSH: Final = """
context.set('timer', setInterval(() => {
  const kept = context.get('kept') || [];
  if (kept.length) { context.set('kept', []); node.send({payload: kept}); }
}, 500));
"""


@dataclass(frozen=True)
class Bridged:
    """What a bridge did with the burst."""

    points_a_second: float
    cpu_s_per_100k: float
    peak_rss_mb: float
    lost_messages: int


def node_red(folder: Path, broker_port: int, influx_port: int, *, batched: bool) -> list[str]:
    """Node-RED with one flow: the ordinary one, or one that a careful person has batched by hand."""
    function = {
        "id": "f", "type": "function", "z": "t", "func": _COLLECT if batched else _NAIVE, "outputs": 1,
        "initialize": _FLUSH if batched else "", "finalize": "", "libs": [], "wires": [["o"]],
    }  # fmt: skip
    out = {"id": "o", "z": "t", "influxdb": "i", "precision": "ms", "retentionPolicy": "", "wires": []}
    out |= {"type": "influxdb batch"} if batched else {"type": "influxdb out", "measurement": "peer"}
    flows = [
        {"id": "t", "type": "tab", "label": "bench"},
        {
            "id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(broker_port), "clientid": "",
            "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60",
            "cleansession": True,
        },
        {
            "id": "i", "type": "influxdb", "hostname": "127.0.0.1", "port": str(influx_port),
            "protocol": "http", "database": "peer", "usetls": False, "influxdbVersion": "1.x",
        },
        {
            "id": "m", "type": "mqtt in", "z": "t", "topic": "bench/+", "qos": "1", "datatype": "json",
            "broker": "b", "inputs": 0, "wires": [["f"]],
        },
        function,
        out,
    ]  # fmt: skip
    (folder / "flows.json").write_text(json.dumps(flows))
    (folder / "settings.js").write_text(
        f"module.exports = {{flowFile: 'flows.json', uiPort: {free_port()}, uiHost: '127.0.0.1', "
        "logging: {console: {level: 'warn'}}, editorTheme: {tours: false}};"
    )
    red = ROOT / "node-red" / "node_modules" / "node-red" / "red.js"
    (folder / "node_modules").symlink_to(ROOT / "node-red" / "node_modules")
    return ["node", str(red), "-u", str(folder), "-s", str(folder / "settings.js")]


def mqttwarn(folder: Path, broker_port: int, influx_port: int) -> list[str]:
    """mqttwarn with its InfluxDB service."""
    fields = ",".join(f"{name}={{v[{name}]}}" for name in field_names())
    (folder / "mqttwarn.ini").write_text(
        f"[defaults]\nhostname = '127.0.0.1'\nport = {broker_port}\nloglevel = WARNING\n"
        "launch = influxdb\nclientid = 'peer'\n"
        f"[config:influxdb]\nhost = '127.0.0.1'\nport = {influx_port}\nusername = None\npassword = None\n"
        "database = 'peer'\nprecision = 'ms'\ntargets = {'peer': ['peer']}\n"
        f"[bench/+]\ntargets = influxdb:peer\nqos = 1\nformat = gw={{gw}} {fields} {{ts}}\n"
    )
    return [str(ROOT / "mqttwarn" / "bin" / "mqttwarn"), "--config-file", str(folder / "mqttwarn.ini")]


def mqtt2influxdb(folder: Path, broker_port: int, front_url: str) -> list[str]:
    """mqtt2influxdb, which speaks the v2 API: through a front that offers it for InfluxDB 1.6.7."""
    host, _, port = front_url.rpartition(":")
    fields = "".join(f"      {name}: $.payload.v.{name}\n" for name in field_names())
    (folder / "m2i.yml").write_text(
        f"mqtt:\n  host: 127.0.0.1\n  port: {broker_port}\n"
        f"influxdb:\n  host: {host}\n  port: {port}\n  token: secret\n  org: o\n  bucket: peer\n"
        f"points:\n  - measurement: peer\n    topic: bench/+\n    fields:\n{fields}"
        "    tags:\n      gw: $.payload.gw\n"
    )
    return [str(ROOT / "mqtt2influxdb" / "bin" / "mqtt2influxdb"), "-c", str(folder / "m2i.yml")]


@contextlib.contextmanager
def bridge(command: list[str], folder: Path, broker: Mosquitto) -> Iterator[subprocess.Popen[bytes]]:
    """A bridge that has subscribed."""
    before = broker.log_tail().count("Sending SUBACK")
    with (folder / "bridge.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        wait_until(
            lambda: "Sending SUBACK" in broker.log_tail() or process.poll() is not None, "subscription", 60
        )
        assert process.poll() is None, (folder / "bridge.log").read_text()[-2000:]
        assert before == 0
        yield process
    finally:
        process.kill()
        process.wait()


def stored(influx: InfluxDB1) -> int:
    """Messages of which the first field is in the database `peer`."""
    query = urllib.parse.urlencode({"db": "peer", "q": f"SELECT count({field_names()[0]}) FROM peer"})
    with urllib.request.urlopen(f"{influx.url}/query?{query}", timeout=60) as answer:
        result = json.load(answer)["results"][0]
    return int(result["series"][0]["values"][0][1]) if "series" in result else 0


def measure(name: str, folder: Path, gateways: int, messages: int, begin_ms: int) -> Bridged:
    """The burst through `node-red`, `node-red-batched`, `mqttwarn` or `mqtt2influxdb`, into InfluxDB."""
    folder.mkdir()
    conf = "max_queued_messages 0\nmax_inflight_messages 0\nlog_type all\n"
    with running(lambda place: Mosquitto(place, conf)) as broker, running(InfluxDB1) as influx:
        assert isinstance(broker, Mosquitto)
        assert isinstance(influx, InfluxDB1)
        urllib.request.urlopen(f"{influx.url}/query?q=CREATE+DATABASE+peer", b"").close()
        ports = (broker.port, influx.port)
        front = V2Front(influx.url)
        match name:
            case "mqttwarn":
                command = mqttwarn(folder, *ports)
            case "mqtt2influxdb":
                command = mqtt2influxdb(folder, broker.port, front.url)
            case _:
                command = node_red(folder, *ports, batched=name == "node-red-batched")
        with contextlib.closing(front), bridge(command, folder, broker) as process:
            cpu = cpu_s(process.pid)
            sending = start_sending(Plan(broker.port, gateways, messages, begin_ms, json_qos1=True))
            total = gateways * messages
            before = count = 0
            begun: float | None = None
            grown = time.monotonic()
            while count < total and time.monotonic() - grown < STILL_S:
                count = stored(influx)
                if count > before:
                    before, grown = count, time.monotonic()
                    begun = begun or grown
                time.sleep(0.1)
            outcome = outcome_of(sending)
            seconds = time.time() - (time.monotonic() - grown) - outcome.begun_s
            points = max(count, 1) * POINTS
            return Bridged(
                points / seconds,
                (cpu_s(process.pid) - cpu) / points * 1e5,
                peak_rss_mb(process.pid),
                total - count,
            )
