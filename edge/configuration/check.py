"""Everything that a configuration must pass before it is run for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge.bus.forecast import forecast
from edge.bus.learned_file import LEARNED_FILE, LearnedFile
from edge.configuration.errors import NotUsable
from edge.decoding.binding import BoundGateway, load_gateway
from telemetry.devices.library import Library
from telemetry.errors import ConfigError, KegaError

LONGEST_ERROR: Final = 2000


def check_candidate(file: Path, folder: Path, running: BoundGateway, library: Library) -> BoundGateway:
    """The configuration in `file`, whose relative paths mean `folder`, as one that can follow `running`.

    Raises:
        ConfigError: it is wrong; names line and field of every fault.
        NotUsable: it is right, but not for this gateway.
    """
    bound = load_gateway(file, library, folder=folder)
    old, new = running.config, bound.config
    if new.gateway != old.gateway:
        raise NotUsable(f"gateway: it is for {new.gateway!r}, and this is {old.gateway!r}")
    if new.state_dir != old.state_dir:
        raise NotUsable(
            f"state_dir: {new.state_dir} is not {old.state_dir}. The state folder can only be moved by hand: "
            "stop the agent, move the folder, change the file"
        )
    _check_lines(running, bound)
    try:
        for url in (None, *new.broker.standby_urls):
            new.broker.to_broker(url)
    except ConfigError as error:
        raise NotUsable(f"broker: {error}") from error
    return bound


def _check_lines(running: BoundGateway, bound: BoundGateway) -> None:
    """Refuse what asks a line for more than it carries; a line that is overloaded now may stay as it is."""
    learned = LearnedFile(running.config.state_dir / LEARNED_FILE)
    before = {line.id: line.utilisation for line in forecast(running, learned)}
    faults = [
        f"bus {line.id}: {line.utilisation:.0%} of its time is asked for, and the shortest period at which "
        f"all can be read is {line.shortest_period_s:.3g} s"
        for line in forecast(bound, learned)
        if not line.fits and line.utilisation > before.get(line.id, 0.0)
    ]
    if faults:
        raise NotUsable(f"{'; '.join(faults)}. See kega edge plan --explain")


def describe(error: KegaError) -> str:
    """All faults in one line: what is sent to the host."""
    if isinstance(error, ConfigError):
        faults = [
            ": ".join(
                part for part in (f"line {each.line}" if each.line else "", each.field, each.cause) if part
            )
            for each in error.problems
        ]
        text = "; ".join(faults)
    else:
        text = str(error)
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 1]}…"
