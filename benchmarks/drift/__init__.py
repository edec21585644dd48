"""Drift and data faults on real demand: false alarms in years without drift, and injections found, beside Evidently and NannyML."""
