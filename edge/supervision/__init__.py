"""Whether the agent is well: signs of life, the service manager's watchdog, health figures."""
