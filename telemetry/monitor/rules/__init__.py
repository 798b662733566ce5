"""Every rule that can be seen on the wire, in the order of the acceptance list."""

from __future__ import annotations

from typing import Final

from telemetry.monitor.rule import Rule
from telemetry.monitor.rules import (
    commands,
    datasets,
    delivery,
    envelope,
    hosts,
    metrics,
    names,
    own,
    properties,
    session,
    templates,
)

RULES: Final[tuple[Rule, ...]] = (
    *names.RULES,
    *envelope.RULES,
    *session.RULES,
    *metrics.RULES,
    *properties.RULES,
    *datasets.RULES,
    *templates.RULES,
    *hosts.RULES,
    *commands.RULES,
    *own.RULES,
    *delivery.RULES,
)
