"""Grafana as code: dashboards, provisioning and alert rules made from the catalogue of metrics."""
