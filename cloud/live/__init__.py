"""What happens now: newest values, states and changes, and their way to whoever watches."""
