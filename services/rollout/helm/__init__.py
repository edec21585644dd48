"""Rollout to Helm releases."""
