"""Report by exception: what has not changed is not sent, until its heartbeat is due."""
