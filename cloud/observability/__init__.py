"""Figures of every process for Prometheus."""
