"""Weather of the next three days at a station: from the station itself, and from others where configured."""
