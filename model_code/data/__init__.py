"""Observations: sources, store, validation, refresh, as-known-at reads."""
