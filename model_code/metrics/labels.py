"""What a label may be, and how many values it may take: every series costs memory for as long as Prometheus keeps it."""

from dataclasses import dataclass

ROUTES = ("predict", "batch", "forecast", "infer", "model", "pages", "other")
ACTIONS = ("hold", "recalibrate", "rollback", "retrain")
FAULTS = ("stuck", "swapped", "clock", "scale", "missing")
TESTS = ("missing", "psi", "ks", "wasserstein", "auc", "reconstruction")


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        meaning: What its values are.
        most: How many values one use case may have.
        values: All of them, where they are known beforehand.
    """

    meaning: str
    most: int
    values: tuple[str, ...] = ()


LABELS = {
    "usecase": Label("Name of a use case's folder", 1),
    "series": Label("Entity of a fixed list, else `all`", 200),
    "column": Label("Feature column", 200),
    "dimension": Label("What rows are cut by, such as `hour`", 12),
    "value": Label("Which part of the dimension, such as `17`", 200),
    "kind": Label("Kind of a fault in the data", len(FAULTS), FAULTS),
    "version": Label("Version in the registry; the present one and those before it", 50),
    "bundle": Label("Hash of a bundle", 50),
    "action": Label("Action of the ledger", 20),
    "verdict": Label("Verdict of the policy", len(ACTIONS), ACTIONS),
    "flow": Label("Name of a flow", 30),
    "name": Label("Name of a threshold", 30),
    "metric": Label("Name of a metric of this catalogue", 200),
    "route": Label("Way into the service", len(ROUTES), ROUTES),
    "status": Label("HTTP status", 30),
    "received": Label("What an alert was to the bridge", 4, ("new", "known", "ended", "refused")),
    "measure": Label("Name of a measure of a report", 12),
    "test": Label("Test of a column against its reference", len(TESTS), TESTS),
    "outcome": Label("What became of a bundle that was asked for", 2, ("switched", "refused")),
}
