"""Rollout: a bundle becoming the running endpoint."""
