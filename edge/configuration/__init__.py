"""Which configuration the gateway runs: taken in, tried, kept or given back."""
