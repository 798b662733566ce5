"""The registry: gateways, devices, commands, alarms, dead letters and accounts in one database."""
