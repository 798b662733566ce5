"""The agent on a gateway: buses, drivers, spool, uplink, commands, and the technician's tools."""
