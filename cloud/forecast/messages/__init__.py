"""Messages to farmers and their replies."""
