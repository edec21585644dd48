"""Prometheus and Alertmanager for one installation: what they are told, and how they are started."""
