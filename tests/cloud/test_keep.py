"""Keeping a role alive."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from cloud.errors import RegistryUnavailable, SettingsError
from cloud.keep import STEADY_S, keep


class SetClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class Pauses:
    """Stands in for sleep: remembers how long, and ends the test after some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.seconds: list[float] = []
        self._most = most
        monkeypatch.setattr("cloud.keep.asyncio.sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) >= self._most:
            raise asyncio.CancelledError


def kept(start: object, clock: SetClock | None = None) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(keep("role", start, clock or SetClock()))  # type: ignore[arg-type]


def test_role_that_dies_is_started_again_ever_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = Pauses(monkeypatch, 8)
    deaths = [RuntimeError("boom"), RegistryUnavailable("database gone"), None] * 3

    async def start() -> None:
        death = deaths.pop(0)
        if death is not None:
            raise death

    kept(start)
    assert all(
        low <= each <= high
        for each, low, high in zip(pauses.seconds, (0.5, 1, 2, 4), (1, 2, 4, 8), strict=False)
    )
    assert max(pauses.seconds) <= 30
    causes = [record.__dict__["cause"] for record in caplog.records if record.getMessage() == "role-died"]
    assert causes[:3] == ["RuntimeError: boom", "RegistryUnavailable: database gone", "it ended by itself"]


def test_role_that_ran_long_begins_with_a_short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, clock = Pauses(monkeypatch, 12), SetClock()

    async def start() -> None:
        if len(pauses.seconds) == 10:
            clock.seconds += STEADY_S + 1
        raise RuntimeError

    kept(start, clock)
    assert pauses.seconds[9] > 10
    assert pauses.seconds[10] <= 1


def test_setting_that_cannot_work_ends_the_process_at_the_first_start() -> None:
    async def start() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    async def fail() -> None:
        raise SettingsError("http.port is in use")

    with pytest.raises(SettingsError, match=r"http\.port is in use"):
        asyncio.run(keep("role", start, SetClock()))


def test_setting_that_failed_later_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = Pauses(monkeypatch, 3)
    starts: list[int] = []

    async def start() -> None:
        starts.append(1)
        raise RuntimeError if len(starts) == 1 else SettingsError("http.port is in use")

    kept(start)
    assert len(starts) == 3
    assert len(pauses.seconds) == 3
