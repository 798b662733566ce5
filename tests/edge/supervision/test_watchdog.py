"""When the watchdog is fed, and when not."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

from edge.supervision.lag import LoopLag
from edge.supervision.notify import Notifier
from edge.supervision.pulse import GRACE_S, Pulse
from edge.supervision.watchdog import Watchdog
from tests.edge.supervision.listener import listening


def watchdog(
    pulses: dict[str, Pulse], lag: LoopLag | None = None, troubles: list[str] | None = None
) -> Watchdog:
    told = troubles if troubles is not None else []
    return Watchdog(Notifier(None), lag or LoopLag(), lambda: pulses, on_trouble=told.append)


def test_a_kept_promise_is_no_trouble_a_broken_one_is() -> None:
    pulse = Pulse()
    dog = watchdog({"bus rs485-1": pulse})
    now = time.monotonic()
    assert dog.find(now, now) == ""
    pulse.within(5, "talks")
    assert dog.find(now + 5 + GRACE_S - 1, now) == ""
    assert dog.find(now + 5 + GRACE_S + 3, now) == "bus rs485-1 is 3 s late: it talks"


def test_waiting_for_another_part_is_no_trouble() -> None:
    pulse = Pulse()
    pulse.waits_for("the spool")
    assert watchdog({"bus": pulse}).find(math.inf, 0) == ""
    assert pulse.doing == "waits for the spool"


def test_a_slow_loop_is_trouble_until_it_is_quick_again() -> None:
    lag = LoopLag()
    lag.measured(100.0, 1.5)
    lag.measured(101.0, 0.1)
    dog = watchdog({}, lag)
    assert dog.find(102.0, 99.0) == "the event loop stood still for 1.5 s"
    assert dog.find(103.0, 100.5) == ""


def test_feed_stops_and_goes_on(tmp_path: Path) -> None:
    troubles: list[str] = []

    async def scenario() -> None:
        pulse = Pulse()
        with listening(tmp_path) as listener:
            dog = Watchdog(
                Notifier(listener.address, watchdog_s=0.2),
                LoopLag(),
                lambda: {"bus": pulse},
                on_trouble=troubles.append,
            )
            running = asyncio.create_task(dog.run())
            await asyncio.to_thread(listener.until, lambda heard: heard.count("WATCHDOG=1") > 2, "fed")
            pulse.within(-GRACE_S, "hangs")
            await asyncio.to_thread(
                listener.until, lambda heard: any("stuck: bus" in each for each in heard), "told"
            )
            fed = listener.count("WATCHDOG=1")
            for _ in range(5):
                await asyncio.sleep(0.05)
            assert listener.count("WATCHDOG=1") == fed
            pulse.within(60, "talks")
            await asyncio.to_thread(listener.until, lambda heard: heard.count("WATCHDOG=1") > fed, "again")
            running.cancel()

    asyncio.run(scenario())
    assert len(troubles) == 2
    assert "hangs" in troubles[0]
    assert troubles[1] == ""


def test_a_blocked_loop_is_measured() -> None:
    async def scenario() -> float:
        lag = LoopLag()
        running = asyncio.create_task(lag.run())
        await asyncio.sleep(0)
        time.sleep(0.6)
        await asyncio.sleep(0.3)
        running.cancel()
        return lag.worst_s(0)

    assert asyncio.run(scenario()) > 0.1
