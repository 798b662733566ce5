"""Grafana boards, made from the device classes: what they show as plain data, their JSON, their delivery."""
