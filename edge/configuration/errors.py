"""Errors of taking configurations."""

from __future__ import annotations

from edge.errors import EdgeError


class LedgerError(EdgeError):
    """A configuration or its ledger cannot be written."""


class NotUsable(EdgeError):  # noqa: N818, named for what happened
    """A configuration that is well-formed but must not be run here."""
