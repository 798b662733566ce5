"""Bytes on lines: Modbus slaves and serial senders, down to single bits so that they can be broken."""
