"""The record of one report: what its pages say in numbers, beside them as JSON; the index is made of records."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

if TYPE_CHECKING:  # the server of the pages needs none of what findings need
    from monitoring.reports.findings import Findings

Occasion = Literal["schedule", "breach", "asked"]
STAMP = "%Y%m%dT%H%M%SZ"
WORST = 3  # columns that are named


class Record(BaseModel):
    """One report.

    Attributes:
        at: The moment that it judges (simulated in a simulation).
        made_at: Wall clock.
        occasion: Why it was made.
        champion: Version that answered.
        bundle: Its hash.
        verdict: What the policy said then.
        reasons: Why.
        drift_share: Evidently's share of drifted columns.
        shift_share: Share of columns that drifted by our own calibrated tests; None where nothing is calibrated.
        worst: The columns furthest above or nearest to their limits, in words.
        quality: Evidently's measures of the answers.
        expected: What the backtest makes one expect of the first of them.
        breach: The quality's breach in words.
        reference: How the reference was chosen.
        notes: What could not be told.
        pages: Kind -> file name.
        assets: Files that its pages load.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str
    at: AwareDatetime
    made_at: AwareDatetime
    occasion: Occasion
    champion: str | None = None
    bundle: str
    verdict: str
    reasons: tuple[str, ...] = ()
    drift_share: float | None = Field(None, ge=0, le=1)
    shift_share: float | None = Field(None, ge=0, le=1)
    worst: tuple[str, ...] = ()
    quality: dict[str, float] = Field(default_factory=dict)
    expected: float | None = None
    breach: str | None = None
    reference: str = ""
    notes: tuple[str, ...] = ()
    pages: dict[str, str] = Field(default_factory=dict)
    assets: tuple[str, ...] = ()

    @property
    def stamp(self) -> str:
        """The moment in file names: two reports of one moment are one."""
        return self.at.strftime(STAMP)

    @classmethod
    def of(cls, found: "Findings", **told: object) -> Self:
        """A record of findings; `told` gives the rest of the fields."""
        judged = found.shift is not None and found.shift.judged
        return cls.model_validate(
            {
                "at": found.at.tz_convert("UTC").to_pydatetime(),
                "bundle": found.bundle,
                "drift_share": None if found.drift is None else found.drift.drifted_share,
                "shift_share": found.shift.drifted_share if judged and found.shift is not None else None,
                "worst": worst_of(found),
                "quality": {} if found.quality is None else found.quality.values,
                "expected": found.expected,
                "breach": found.breach,
                "reference": found.reference,
                "notes": found.notes,
                **told,
            }
        )


def worst_of(found: "Findings") -> tuple[str, ...]:
    """The largest values of our tests relative to their limits, in words."""
    ranked = sorted(found.ratios(), key=lambda item: -item[2])[:WORST]
    return tuple(f"{column or 'all columns'}: {test} at {ratio:.2f} of its limit" for test, column, ratio in ranked)
