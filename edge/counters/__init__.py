"""Totals that only grow: what an instrument forgets when it restarts, the gateway remembers."""
