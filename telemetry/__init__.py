"""What edge, cloud and simulators agree on: readings, device classes and profiles, the wire."""
