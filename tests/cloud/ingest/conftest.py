"""An ingest worker on a real broker, with the real registry and store, and a hand-driven gateway."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cloud.ingest.commit import Committer
from cloud.ingest.devices import Devices
from cloud.ingest.intake import Intake, MqttIntake
from cloud.ingest.metrics import IngestMetrics
from cloud.ingest.router import Router
from cloud.ingest.worker import Worker
from cloud.registry.database import SqlRegistry, open_registry
from cloud.registry.port import DeviceBirth
from cloud.store.port import Rejected, Row, Scan, Store, StoreUnavailable
from cloud.store.sqlite import SqliteStore
from telemetry.clock import SystemClock
from telemetry.devices.library import Library
from telemetry.mqtt import Broker, Link, open_link
from telemetry.sparkplug.ack import ACK_METRIC, parse_ack
from telemetry.sparkplug.payload import decode
from tests.cloud.ingest.wire import AREA, DEVICE, GATEWAY, now_ms

DEADLINE_S = 20.0


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait until it holds; fail after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            while not true():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            raise AssertionError(f"never came: {what}") from None


class Judge:
    """Remembers what it was asked to judge."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []

    def judge(self, scans: Sequence[Scan | Row]) -> None:
        self.scans += [each.scan() if isinstance(each, Row) else each for each in scans]


class FailingStore:
    """A store whose server can be switched off."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.is_down = False
        self.attempts = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def write(self, scans: Sequence[Scan | Row]) -> Sequence[Rejected]:
        self.attempts += 1
        if self.is_down:
            raise StoreUnavailable("switched off by the test")
        return self._inner.write(scans)


class Gateway:
    """Publishes hand-made messages and hears the acknowledgements."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.acked: set[int] = set()
        self.ack_messages = 0

    async def listen(self) -> None:
        async for message in self.link.messages():
            for metric in decode(message.payload).metrics:
                if metric.name == ACK_METRIC:
                    self.ack_messages += 1
                    self.acked.update(parse_ack(str(metric.value)).numbers())


class Bench:
    """Everything around one worker."""

    def __init__(self, folder: Path) -> None:
        self.registry: SqlRegistry = open_registry(f"sqlite:///{folder}/registry.db")
        self.sqlite = SqliteStore(folder / "store.db")
        self.store = FailingStore(self.sqlite)
        self.judge = Judge()
        self.collector = CollectorRegistry()
        self.metrics = IngestMetrics(self.collector)

    def register(self, *devices: str, device_class: str = "streetlight") -> None:
        for device in devices:
            self.registry.device_born(
                DeviceBirth(device, AREA, GATEWAY, device_class, "", "", None, None, (), now_ms())
            )

    def worker(self, broker: Broker, share: str | None = None, intake: Intake | None = None) -> Worker:
        clock = SystemClock()
        return Worker(
            intake or MqttIntake(broker, f"test-ingest-{secrets.token_hex(4)}", share),
            Router(Devices(self.registry, Library.shipped().classes, clock), clock),
            Committer(self.store, self.registry, self.judge, self.metrics, clock),  # type: ignore[arg-type]
            self.metrics,
            clock,
        )

    def sample(self, name: str, **labels: str) -> float:
        return self.collector.get_sample_value(f"kega_ingest_{name}", labels) or 0.0

    def close(self) -> None:
        self.sqlite.close()
        self.registry.close()

    @contextlib.asynccontextmanager
    async def running(
        self, broker: Broker, share: str | None = None, intake: Intake | None = None
    ) -> AsyncIterator[Gateway]:
        """A worker at work, and a gateway connected."""
        task = asyncio.create_task(self.worker(broker, share, intake).run())
        try:
            await until(lambda: self.sample("connected") == 1 or task.done(), "the worker's subscription")
            async with open_link(broker, "gateway-test") as link:
                await link.subscribe(f"spBv1.0/+/NCMD/{GATEWAY}")
                gateway = Gateway(link)
                listener = asyncio.create_task(gateway.listen())
                try:
                    yield gateway
                finally:
                    listener.cancel()
        finally:
            failed = task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert not failed, "the worker ended by itself"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.register(DEVICE)
    yield bench
    bench.close()
