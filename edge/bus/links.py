"""The link for each kind of Modbus line."""

from __future__ import annotations

from edge.bus.link import LateAnswer, ModbusLink
from edge.bus.tcp_link import TcpLink
from edge.config import RtuBusConfig, TcpBusConfig


def make_link(config: RtuBusConfig | TcpBusConfig, on_late: LateAnswer | None = None) -> ModbusLink:
    """A closed link to the line of `config`.

    Args:
        config: the line.
        on_late: told of answers to requests that were given up, where the line can tell them apart.
    """
    if config.kind == "modbus-tcp":
        assert isinstance(config, TcpBusConfig)
        return TcpLink(config, on_late)
    # pymodbus is loaded where there is a line for it
    from edge.bus.rtu_link import RtuLink

    return RtuLink(config)
