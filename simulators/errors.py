"""Errors of the simulators, under `telemetry.errors.KegaError`.

KegaError
├── ConfigError
│   ├── SimConfigError     sim.yaml cannot be used
│   └── SeriesError        a CSV file of hourly values cannot be used
└── SimError               the simulator cannot do what was asked
    ├── LineError          a line cannot be served (port taken, folder not writable)
    ├── FaultError         no such fault, or no such target for it
    └── SimUnreachable     no simulator answers at the control socket
"""

from __future__ import annotations

from telemetry.errors import ConfigError, KegaError


class SimConfigError(ConfigError):
    """A simulator's configuration cannot be used."""


class SeriesError(ConfigError):
    """A file of hourly values cannot be used."""


class SimError(KegaError):
    """The simulator cannot do what was asked."""


class LineError(SimError):
    """A line cannot be served."""


class FaultError(SimError):
    """A fault that does not exist, or that its target cannot have."""


class SimUnreachable(SimError):  # noqa: N818 - named after the state, as the command line reports it
    """No simulator answers at the control socket."""

    unreachable = True
