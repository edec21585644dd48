"""Whether a retrain helped: the new model against the one before it, on the same origins since it took over."""

from collections.abc import Collection

from model_code.evidence import Evidence, Fact, OriginEvidence
from model_code.specification import Policy


class Recovery(Fact):
    """What became of a retrain.

    Attributes:
        recovered: The new model beats the old one on the same origins, and its loss is near what the backtest promised.
        origins: How many origins it rests on, of each series.
        loss: Mean loss of the new model, in the target's unit.
        previous_loss: Mean loss of the old one, replayed on the same origins.
        ratio: Mean loss of the new model divided by the mean of what was to be expected.
    """

    recovered: bool
    origins: int
    loss: float
    previous_loss: float
    ratio: float

    def __str__(self) -> str:
        """In words."""
        word = "recovered" if self.recovered else "not recovered"
        return (
            f"{word}: loss {self.loss:.3g} against {self.previous_loss:.3g} of the version before on the same {self.origins} "
            f"origins; live / expected loss {self.ratio:.2f}"
        )


def recovery_of(evidence: Evidence, policy: Policy, scope: Collection[str] = ()) -> Recovery | None:
    """The outcome over the first `near_origins` origins since the release; None before they are scored.

    Args:
        evidence: Gathered while the retrained version is the champion.
        policy: What counts as near, and over how many origins.
        scope: Series that were retrained; empty means all.
    """
    points: list[OriginEvidence] = []
    for series in (each for each in evidence.series if not scope or each.name in scope):
        judged = [point for point in series.origins if point.previous_loss is not None][: policy.near_origins]
        if len(judged) < policy.near_origins:
            return None
        points += judged
    if not points:
        return None
    loss = sum(point.loss for point in points) / len(points)
    previous = sum(point.previous_loss or 0.0 for point in points) / len(points)
    ratio = loss / (sum(point.expected_loss for point in points) / len(points))
    return Recovery(
        recovered=loss < previous and ratio <= policy.ratio_near,
        origins=policy.near_origins,
        loss=loss,
        previous_loss=previous,
        ratio=ratio,
    )
