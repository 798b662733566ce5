"""Sparkplug B 3.0 as kega speaks it: codec, topics, birth and sequence numbers, acknowledgement."""
