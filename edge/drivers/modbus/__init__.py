"""Modbus: frames, planning of requests, values. Pure: sockets and ports belong to `edge.bus`."""

from edge.drivers.modbus.explain import ModbusDriver

DRIVER = ModbusDriver()
