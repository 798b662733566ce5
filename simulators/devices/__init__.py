"""Instruments: what a meter, relay board, probe or receiver says of the plant that it is mounted on."""
