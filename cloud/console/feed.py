"""One upstream subscription per role, shared by all pages of this process; polling where the stream fails."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Literal

from cloud.console.board import Board, Snapshot, Watch
from cloud.console.client import Api, Event
from cloud.console.errors import ApiError, SignedOut
from cloud.console.models import LatestReading
from telemetry.clock import Clock

logger = logging.getLogger(__name__)

Link = Literal["starting", "live", "polling", "lost"]

_RESYNC_S: Final = 60.0
"""A snapshot is loaded this often in any case: it heals whatever an event did not tell."""
_RESYNC_SOON_S: Final = 3.0
"""… and this long after an event told of something unknown."""
_MOST_POLLS: Final = 6
"""Polls between two tries of the stream, after many failures."""
_RATE_SPAN_S: Final = 10.0


@dataclass(slots=True, eq=False)
class Viewer:
    """A page that looks at the feed."""

    api: Api
    watch: Watch
    signed_out: bool = False


@dataclass(slots=True)
class _Rate:
    """Values a second, over the last 10 s."""

    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))

    def note(self, now: float, total: int) -> None:
        if not self.marks or now - self.marks[-1][0] >= 1:
            self.marks.append((now, total))
        while len(self.marks) > 2 and now - self.marks[0][0] > _RATE_SPAN_S:
            self.marks.popleft()

    def value(self) -> float:
        (start, before), (end, after) = self.marks[0], self.marks[-1]
        return (after - before) / (end - start) if end > start else 0.0


class Feed:
    """The live picture of one role. It runs while somebody looks at it."""

    def __init__(self, clock: Clock, *, poll_s: float = 5.0) -> None:
        self.board = Board()
        self.link: Link = "starting"
        self.fresh_ms: int | None = None
        """When the picture was last known to be true, UTC milliseconds."""
        self._clock = clock
        self._poll_s = poll_s
        self._rate = _Rate()
        self._viewers: list[Viewer] = []
        self._carrier: Viewer | None = None
        """Whose session the upstream calls use."""
        self._task: asyncio.Task[None] | None = None
        self._loaded = asyncio.Event()

    @property
    def values_per_s(self) -> float:
        """Values received a second."""
        self._rate.note(self._clock.monotonic(), self.board.values_seen)
        return self._rate.value()

    def join(self, api: Api) -> Viewer:
        """Begin to look; the feed may use the viewer's session for its own calls."""
        viewer = Viewer(api, self.board.watch())
        self._viewers.append(viewer)
        self._start()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Look no longer; the last one stops the feed."""
        self._viewers = [other for other in self._viewers if other is not viewer]
        self.board.unwatch(viewer.watch)
        if not self._viewers:
            self._stop()
            self.link = "starting"
            self._loaded.clear()
        elif viewer is self._carrier:
            self._stop()
            self._start()

    def _stop(self) -> None:
        self._carrier = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="console feed")
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of our own must not leave old values looking live: say so, and begin anew."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.error("console-feed-failed", exc_info=error)
        self.link = "lost"
        task.get_loop().call_later(self._poll_s, self._start_again)

    def _start_again(self) -> None:
        if self._viewers:
            self._start()

    async def loaded(self, timeout_s: float) -> bool:
        """Whether a first picture is there, after waiting for it at most this long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._loaded.wait()
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        failures = 0
        while (carrier := self._someone()) is not None:
            self._carrier = carrier
            try:
                async with carrier.api.stream() as events:
                    await self._load(values=True)
                    self.link, failures = "live", 0
                    await self._follow(events)
            except SignedOut:
                carrier.signed_out = True
            except ApiError as error:
                failures += 1
                logger.warning("console-stream-lost", extra={"cause": str(error), "failures": failures})
                await self._poll(failures)

    def _someone(self) -> Viewer | None:
        return next((viewer for viewer in self._viewers if not viewer.signed_out), None)

    async def _follow(self, events: AsyncIterator[Event]) -> None:
        due = self._clock.monotonic() + _RESYNC_S
        async for event in events:
            self.board.apply(event)
            self.fresh_ms = self._clock.now_ms()
            now = self._clock.monotonic()
            if now >= due:
                await self._load()
                due = now + _RESYNC_S
            elif self.board.incomplete:
                due = min(due, now + _RESYNC_SOON_S)

    async def _poll(self, failures: int) -> None:
        """Ask for snapshots until the stream is worth another try."""
        for _ in range(min(failures, _MOST_POLLS)):
            if self._carrier is None:
                return
            try:
                await self._load(values=self.link == "starting")
                await self._ask_focus(self._carrier.api)
                self.link = "polling"
            except SignedOut:
                self._carrier.signed_out = True
                return
            except ApiError:
                self.link = "lost"
            await asyncio.sleep(self._poll_s * random.uniform(0.8, 1.2))  # noqa: S311, jitter

    async def _ask_focus(self, api: Api) -> None:
        """Values of the devices that pages show, while no stream brings them."""
        for focus in {viewer.watch.focus for viewer in self._viewers} - {""}:
            device = await api.device(focus)
            latest = {point.field: point.latest for point in device.points if point.latest is not None}
            self.board.keep_values(LatestReading(device=focus, fields=latest))
            for command in await api.commands(focus):
                self.board.keep_command(command)

    async def _load(self, *, values: bool = False) -> None:
        """Load a snapshot; `values` of all devices only at the start, later readings bring them."""
        if self._carrier is None:
            return
        api = self._carrier.api
        classes = await api.classes()
        self.board.load(
            Snapshot(
                classes=tuple(classes),
                gateways=tuple(await api.gateways()),
                devices=tuple(await api.devices()),
                alarms=tuple(await api.open_alarms()),
                latest=tuple([r for known in classes for r in await api.latest(known.id)]) if values else (),
            )
        )
        self.fresh_ms = self._clock.now_ms()
        self._loaded.set()
