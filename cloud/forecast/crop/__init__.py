"""Plots, their crops, and which stage a crop is in."""
