"""The agent's process: holds the state folder and runs one agent after another in it."""

from __future__ import annotations

import asyncio

from edge.agent import Agent
from edge.decoding.binding import BoundGateway
from edge.spool.lock import state_folder


async def run_agent(bound: BoundGateway, stopping: asyncio.Event) -> None:
    """Run the gateway until `stopping` is set, then end it without loss.

    Raises:
        StateLocked: another agent uses the same state folder.
        SpoolError: the state folder cannot be used.
    """
    with state_folder(bound.config.state_dir):
        await Agent(bound).live(stopping)
