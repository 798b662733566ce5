"""The group `kega edge`; its commands load when they are called."""

from __future__ import annotations

import click

from telemetry.cli import LazyGroup

_COMMANDS = {
    "run": ("edge.cli.run:run", "Run the agent of this gateway."),
    "status": ("edge.cli.status:status", "Health of the running agent."),
    "spool": ("edge.cli.spool:spool", "Look into the store of unsent readings."),
    "config": ("edge.cli.config:config", "Check a gateway's configuration."),
    "plan": ("edge.cli.plan:plan", "Show what the lines will have to carry."),
    "read": ("edge.cli.read:read", "Read an instrument once."),
    "watch": ("edge.cli.watch:watch", "Read an instrument again and again."),
    "program": ("edge.cli.program:program", "Look at the lighting programs."),
    "commission": ("edge.cli.fail_safe:commission", "Set what instruments do when the gateway falls silent."),
    "lock": ("edge.cli.lock:lock", "Keep commands off a device while somebody works there."),
    "unlock": ("edge.cli.lock:unlock", "Let commands reach a device again."),
    "identify": ("edge.cli.mounting:identify", "Tell whether an instrument is of its profile's model."),
    "readdress": ("edge.cli.mounting:readdress", "Give a Modbus instrument another unit id."),
    "profiles": ("edge.cli.profiles:profiles", "List instrument models; write their pages."),
    "decode": ("edge.cli.decode:decode", "Explain captured bytes by a device profile."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def edge() -> None:
    """The gateway: agent and technician's tools.

    Exit codes of every command: 0 ok, 1 problem found, 2 usage, 3 cannot reach.
    """
