"""The role: rounds over real databases, retention after them, and databases that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from cloud.registry.database import open_registry
from cloud.rollup import service
from cloud.rollup.service import run_rollup
from cloud.settings import Settings, load_settings
from cloud.store import open_store
from cloud.store.port import Scan, Store, StoreUnavailable
from cloud.store.retention import Retention
from cloud.store.rollups import DAY_MS, HOUR_MS, Tier
from cloud.store.sqlite import SqliteStore
from telemetry.clock import SystemClock
from tests.servers import VictoriaMetrics

DEADLINE_S = 30.0


def settings_of(folder: Path) -> Settings:
    file = folder / "cloud.yaml"
    file.write_text(
        "broker: {url: 'mqtt://127.0.0.1:1'}\nstore: sqlite:///store.db\nregistry: sqlite:///registry.db\n"
        "retention: {raw_days: 3}\n"
    )
    return load_settings(file)


async def until(true: object, store: Store, folder: Path) -> None:
    registry = open_registry(f"sqlite:///{folder}/registry.db")
    task = asyncio.create_task(run_rollup(settings_of(folder), registry, store))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not true():  # type: ignore[operator]
                assert not task.done()
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        registry.close()


def test_hours_are_made_and_old_values_go(tmp_path: Path) -> None:
    now_ms = SystemClock().now_ms()
    begin = now_ms // DAY_MS * DAY_MS - 6 * DAY_MS
    store = SqliteStore(tmp_path / "store.db")
    store.write([Scan("streetlight", "p", "g", "sl-1", begin + n * HOUR_MS, {"a": 1.0}) for n in range(100)])
    store.set_retention(Retention(raw_days=3))

    def gone() -> bool:
        oldest = store.rollups.oldest_ms()
        return oldest is not None and oldest >= begin + 3 * DAY_MS

    asyncio.run(until(gone, store, tmp_path))
    assert len(store.rollups.summaries("sl-1", "a", Tier.HOUR, begin, now_ms)) == 100
    store.close()


def test_a_store_that_comes_back_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.Backoff, "next_s", lambda _: 0.01)
    store = SqliteStore(tmp_path / "store.db")
    rollups, asked = store.rollups, []

    class Away:
        def oldest_ms(self) -> int | None:
            asked.append(1)
            if len(asked) < 3:
                raise StoreUnavailable("away")
            return rollups.oldest_ms()

    store.rollups = Away()  # type: ignore[assignment]
    asyncio.run(until(lambda: len(asked) >= 3, store, tmp_path))
    store.close()


def test_a_store_without_rollups_is_left_alone(tmp_path: Path, victoria_metrics: VictoriaMetrics) -> None:
    store = open_store(f"influx2+{victoria_metrics.url}/?bucket=kega")
    registry = open_registry(f"sqlite:///{tmp_path}/registry.db")
    keeper = service.Keeper(settings_of(tmp_path), registry, store, SystemClock())
    assert keeper.round() is False
    assert registry.rollup_progress() == {}
    registry.close()
    store.close()
