"""Keeps every answered prediction: in a local spool that a mover empties into the store, or in the store at once."""
