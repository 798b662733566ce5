"""A serial port as asyncio sees it, for instruments that are no Modbus units."""

from __future__ import annotations

import asyncio
import contextlib
import termios
from typing import Final

import serial

from edge.bus.serial_lock import check_port, hold, release
from edge.config import SerialBusConfig
from edge.errors import BusClosed

CHUNK: Final = 4096


class SerialPort:
    """One open port, held exclusively."""

    def __init__(self, config: SerialBusConfig) -> None:
        """Open the port. Raises BusClosed where it cannot be opened."""
        check_port(config.port)
        self._name = config.port
        try:
            self._port = serial.Serial(
                config.port,
                baudrate=config.baud,
                bytesize=config.data_bits,
                parity=config.parity,
                stopbits=config.stop_bits,
                timeout=0,
                write_timeout=1.0,
                exclusive=True,
            )
            hold(self._port.fileno())
        except (serial.SerialException, OSError, ValueError, termios.error) as error:
            raise BusClosed(f"{config.port} cannot be opened with these settings: {error}") from error

    async def read(self, seconds: float) -> bytes:
        """What has come, waiting at most `seconds` for it; empty where nothing came.

        Raises:
            BusClosed: the port is gone.
        """
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        handle = self._port.fileno()
        loop.add_reader(handle, ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        except TimeoutError:
            return b""
        finally:
            loop.remove_reader(handle)
        return self.waiting()

    def waiting(self) -> bytes:
        """What has come and was not read yet, at once. Raises BusClosed where the port is gone."""
        try:
            data: bytes = self._port.read(CHUNK)
        except (serial.SerialException, OSError) as error:
            raise BusClosed(f"{self._name} is gone: {error}") from error
        return data

    def hold_break(self, is_held: bool) -> None:
        """Put the line into its break state, or end that. Raises BusClosed where the port cannot."""
        try:
            self._port.break_condition = is_held
        except (serial.SerialException, OSError) as error:
            raise BusClosed(f"{self._name} makes no break: {error}") from error

    def write(self, data: bytes) -> None:
        """Send a short command. Raises BusClosed where the port does not take it."""
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise BusClosed(f"{self._name} takes no bytes: {error}") from error

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError):  # the port may be gone
            release(self._port.fileno())
        self._port.close()
