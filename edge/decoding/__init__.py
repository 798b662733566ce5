"""From what instruments say to readings of a device's class, and back for writes."""
