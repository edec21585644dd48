"""The ledger: what was done to which model, by whom, when, why, on which evidence."""

from model_code.ledger.ledger import Entry, Ledger, Phase

__all__ = ["Entry", "Ledger", "Phase"]
