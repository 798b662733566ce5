"""Drivers by the name that profiles give them."""

from __future__ import annotations

import importlib
import importlib.util
import re
from typing import Final

from edge.drivers.base import Driver, StreamDriver
from edge.errors import DriverError

MODBUS: Final = "modbus"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


def find_driver(name: str) -> Driver:
    """The driver `edge.drivers.<name>`.

    Raises:
        DriverError: there is none.
    """
    module_name = f"{__package__}.{name}"
    if not _NAME.fullmatch(name) or importlib.util.find_spec(module_name) is None:
        raise DriverError(f"no driver {name!r}: add the module edge/drivers/{name}.py, or correct `driver:`")
    driver: Driver | None = getattr(importlib.import_module(module_name), "DRIVER", None)
    if driver is None:
        raise DriverError(f"edge/drivers/{name}.py is no driver: it has no `DRIVER`")
    return driver


def find_stream_driver(name: str) -> StreamDriver:
    """The driver of that name, which must be one for serial lines. Raises `DriverError`."""
    driver = find_driver(name)
    if not isinstance(driver, StreamDriver):
        raise DriverError(f"driver {name!r} does not read serial lines")
    return driver
