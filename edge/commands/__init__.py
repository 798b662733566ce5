"""Commands on the gateway: checked, journalled, written, read back, reported."""
