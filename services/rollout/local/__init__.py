"""Rollout to processes of this machine."""
