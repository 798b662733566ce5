"""Commands of `kega cloud`."""
