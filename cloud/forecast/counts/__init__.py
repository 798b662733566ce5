"""Counts of pests, from traps and fields, and what they say of the coming weeks."""
