"""The gateway's side of the wire: Sparkplug session, delivery until acknowledged, reconnecting."""
