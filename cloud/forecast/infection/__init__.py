"""Infection by temperature and wetness duration: the generic response and hourly cohorts."""
