"""A passive monitor: reads every message on the wire and names each rule that one of them breaks."""
