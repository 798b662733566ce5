"""Devices that speak the real protocols, and a province that behaves physically."""
