"""The simulator's control socket: faults and figures, as JSON lines over a Unix socket."""
