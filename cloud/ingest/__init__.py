"""From the broker into the store: decode, validate, write durably, acknowledge."""
