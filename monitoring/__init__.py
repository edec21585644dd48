"""What watches: truth, drift, reports, exporter. No Prefect."""
