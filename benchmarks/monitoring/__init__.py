"""Benchmarks of the watch: distribution tests beside their peers, and a monitor run of many entities."""
