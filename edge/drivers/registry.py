"""Drivers by the name that profiles give them."""

from __future__ import annotations

import importlib
import importlib.util
import re
from typing import Final, Literal, TypeAlias

from edge.drivers.base import AskDriver, CallDriver, Driver, InputDriver, StreamDriver
from edge.errors import DriverError
from telemetry.devices.profiles import Profile

MODBUS: Final = "modbus"
LineDriver: TypeAlias = StreamDriver | AskDriver | CallDriver | InputDriver
LineKind: TypeAlias = Literal["serial", "tcp-server", "gpio"]
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
    """The driver of that name, which must be one of instruments that talk. Raises `DriverError`."""
    driver = find_driver(name)
    if not isinstance(driver, StreamDriver):
        raise DriverError(f"driver {name!r} does not read serial lines")
    return driver


def find_ask_driver(name: str) -> AskDriver:
    """The driver of that name, which must be one of instruments that are asked. Raises `DriverError`."""
    driver = find_driver(name)
    if not isinstance(driver, AskDriver):
        raise DriverError(f"driver {name!r} does not ask over serial lines")
    return driver


def find_call_driver(name: str) -> CallDriver:
    """The driver of that name, which must be one of instruments that call. Raises `DriverError`."""
    driver = find_driver(name)
    if not isinstance(driver, CallDriver):
        raise DriverError(f"driver {name!r} takes no calls")
    return driver


def find_input_driver(name: str) -> InputDriver:
    """The driver of that name, which must be one of digital inputs. Raises `DriverError`."""
    driver = find_driver(name)
    if not isinstance(driver, InputDriver):
        raise DriverError(f"driver {name!r} reads no digital inputs")
    return driver


def line_kind(driver: Driver) -> LineKind | None:
    """The kind of bus that instruments of a driver are on; None for Modbus, which has several."""
    if isinstance(driver, StreamDriver | AskDriver):
        return "serial"
    if isinstance(driver, CallDriver):
        return "tcp-server"
    return "gpio" if isinstance(driver, InputDriver) else None


def places_of(profile: Profile) -> tuple[str, ...]:
    """What tells an instrument from the others on its line: an address, an identity, input lines.

    Empty for one that must have its line alone.

    Raises:
        DriverError: there is no such driver, or the profile's options do not fit it.
    """
    driver = find_driver(profile.driver)
    if isinstance(driver, StreamDriver):
        driver.stream(profile)
        return ()
    if isinstance(driver, AskDriver):
        address = driver.address(profile)
        return (address,) if address else ()
    if isinstance(driver, CallDriver):
        return (driver.identity(profile),)
    if isinstance(driver, InputDriver):
        return tuple(f"line {each.offset}" for each in driver.inputs(profile))
    return ()
