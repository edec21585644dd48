"""Incidents beside the series: a slice of the rows that departs, and data that are at fault. Pure; the policy acts on them."""

from collections.abc import Sequence

from model_code.doubt import SideEffect
from model_code.evidence import DataFault, Evidence, SliceEvidence
from model_code.specification import Policy

EVERYTHING = "all"  # the series of a use case without a fixed list of entities


def faults_of(series: str, evidence: Evidence) -> tuple[DataFault, ...]:
    """The data faults that a series may suffer from: those of its entity, and those of a whole feed.

    Example:
        >>> faults_of("VIC", Evidence(usecase="demand", at="2024-07-01T00:00:00Z"))
        ()
    """
    return tuple(
        fault for fault in evidence.data_faults if fault.entity is None or fault.entity == series or series == EVERYTHING
    )


def remedies(faults: Sequence[DataFault]) -> tuple[SideEffect, ...]:
    """What to do about faults in the data: what is missing is asked for again, what is wrong is set aside; a person is told."""
    effects: set[SideEffect] = {"page"} if faults else set()
    effects |= {"refresh" if fault.kind == "missing" else "quarantine" for fault in faults}
    return tuple(sorted(effects))


def departing(evidence: Evidence) -> tuple[SliceEvidence, ...]:
    """The slices that depart, the worst first."""
    found = [each for each in evidence.slices if each.departs]
    return tuple(sorted(found, key=lambda each: (-each.loss / each.expected_loss, each.dimension, each.value)))


def confirmed(found: SliceEvidence, policy: Policy) -> bool:
    """Whether a departing slice is a reason to retrain: it lasts, it costs, and another model does clearly better on it."""
    others = [loss for loss in (found.previous_loss, found.baseline_loss) if loss is not None]
    lasts = found.origins >= policy.stale_origins
    costs = found.loss > policy.ratio_near * found.expected_loss
    return found.departs and lasts and costs and any(found.loss > policy.ratio_near * loss for loss in others)


def slice_text(found: SliceEvidence) -> str:
    """A slice in words, with its numbers."""
    others = {"the version before": found.previous_loss, "the baseline": found.baseline_loss}
    told = "".join(f", {name} loses {loss:.3g}" for name, loss in others.items() if loss is not None)
    ratio = found.loss / found.expected_loss
    return f"slice {found.dimension}={found.value}: live / expected loss {ratio:.2f} over {found.origins} origins, beyond chance{told}"
