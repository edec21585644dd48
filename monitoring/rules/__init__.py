"""Prometheus' rules and their tests, made from the catalogue of metrics: `python -m monitoring.rules`."""
