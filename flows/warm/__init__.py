"""Warm starts: a process that has imported the heavy packages forks one child for each flow run."""
