"""The link for each kind of Modbus line."""

from __future__ import annotations

from edge.bus.link import LateAnswer, ModbusLink
from edge.bus.serial_link import SerialLink
from edge.bus.tcp_link import TcpLink
from edge.config import RtuBusConfig, TcpBusConfig


def make_link(config: RtuBusConfig | TcpBusConfig, on_late: LateAnswer | None = None) -> ModbusLink:
    """A closed link to the line of `config`.

    Args:
        config: the line.
        on_late: told of answers to requests that were given up, where the line can tell them apart.
    """
    if isinstance(config, TcpBusConfig) and config.kind == "modbus-tcp":
        return TcpLink(config, on_late)
    if isinstance(config, RtuBusConfig):
        return SerialLink(config)
    # pymodbus is loaded where there is a line for it
    from edge.bus.rtu_over_tcp_link import RtuOverTcpLink

    return RtuOverTcpLink(config)
