"""Flows on Kubernetes: the work pools whose runs are Jobs, and what a Prefect server is told of them."""
