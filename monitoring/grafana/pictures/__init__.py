"""Pictures of the dashboards for the docs: a made-up story in a real Prometheus, asked what the panels ask."""
