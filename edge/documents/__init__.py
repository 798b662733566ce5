"""Pages of documentation that are made from data."""
