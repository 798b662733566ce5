"""The operators' web console, at `/` of the API's application."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from telemetry.clock import Clock, SystemClock


def mount(app: FastAPI, *, state_dir: Path, clock: Clock | None = None) -> None:
    """Add the console to `app`: call it last, after the API's routes, which keep precedence.

    The console speaks to `/api/v1` of the same application only, in the name of the person whose session it
    is; all state besides the chosen languages (kept in `state_dir`) is the API's. It serves one process:
    NiceGUI keeps pages in memory. NiceGUI is imported here and not with this package, it takes a second.
    """
    from cloud.console.application import install

    install(app, state_dir=state_dir, clock=clock or SystemClock())
