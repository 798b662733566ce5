"""A small province on one machine: broker, devices, gateways and cloud, started and watched by one call."""
