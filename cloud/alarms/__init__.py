"""Alarms: states that somebody must end. One state machine, and the fast lane that judges every reading."""
