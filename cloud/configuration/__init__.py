"""Configurations of gateways on the host's side: kept, signed, sent until they are judged."""
