"""Parameters of the flows: Pydantic models, so that the form in the Prefect UI explains itself."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Params(BaseModel):
    """What every flow is asked: which use case, and when 'now' is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usecase: str = Field(
        "demand_victoria", title="Use case", description="Name of the use case's folder.", pattern=r"^[a-z][a-z0-9_]{1,40}$"
    )
    now: AwareDatetime | None = Field(
        None,
        title="Present",
        description="The moment to act at; a simulation sets it. Empty: the clock, or the fixed present of a data set that has ended.",
    )


class RefreshParams(Params):
    """Bring the observations up to date."""


class BackfillParams(Params):
    """Ask the sources again for a range."""

    start: AwareDatetime = Field(title="From", description="First time to ask for.")
    end: AwareDatetime = Field(title="Until", description="First time not to ask for.")
    feed: str | None = Field(
        None, title="Feed", description="One feed only. Empty: all feeds.", pattern=r"^[a-z][a-z0-9_]{1,40}$"
    )


class SearchParams(Params):
    """Search hyperparameters by backtest."""

    trials: int | None = Field(
        None, ge=1, le=1000, title="Trials", description="How many candidates to try. Empty: as the use case says."
    )


class TrainParams(Params):
    """Fit the best candidate, judge it on the holdout, register it as challenger."""

    search_run: str | None = Field(
        None, title="Search run", description="MLflow run of a search. Empty: the newest finished one.", pattern=r"^[0-9a-f]{32}$"
    )


class PromoteParams(Params):
    """Make a version the champion, if the paired verdict says so."""

    version: str | None = Field(
        None, title="Version", description="Registered version. Empty: the challenger.", pattern=r"^[1-9][0-9]{0,8}$"
    )
    actor: str = Field("evenkeel", min_length=1, max_length=80, title="Who", description="Who asks; kept in the ledger.")
    reason: str = Field("", max_length=500, title="Why", description="Kept in the ledger; needed with force.")
    force: bool = Field(False, title="Force", description="Promote against the verdict. The ledger keeps who and why.")


class RolloutParams(Params):
    """Roll a version out step by step, judged at each; see docs/canary.md."""

    version: str | None = Field(
        None, title="Version", description="Registered version. Empty: the challenger.", pattern=r"^[1-9][0-9]{0,8}$"
    )
    image: str | None = Field(
        None,
        title="Image",
        description="Image that it shall run in. Empty: the one that runs now.",
        pattern=r"^[\w.-]+(:\d+)?(/[\w.-]+)*:[\w.-]+$",
        max_length=300,
    )
    actor: str = Field("evenkeel", min_length=1, max_length=80, title="Who", description="Who asks; kept in the ledger.")
    reason: str = Field("a new version", min_length=1, max_length=500, title="Why", description="Kept in the ledger.")


class DeployParams(Params):
    """Make the champion the running endpoint."""

    target: Literal["local", "helm", "kserve"] | None = Field(
        None, title="Target", description="Where to. Empty: as the settings say (EVENKEEL_TARGET)."
    )
    image: str | None = Field(
        None,
        title="Image",
        description="repository:tag to run it with. Empty: the one that runs.",
        pattern=r"^[a-z0-9][\w./:-]*:[\w][\w.-]{0,127}$",
    )


class ForecastParams(Params):
    """Ask the service for every origin that is due and not yet answered."""

    since: AwareDatetime | None = Field(
        None, title="Since", description="First origin to look at. Empty: what the last two weeks left open."
    )


class MonitorParams(Params):
    """Join the truth, measure, judge."""


class ReportParams(Params):
    """Make the reports of the latest window for people."""


class TurnParams(Params):
    """Refresh, forecast, monitor."""


class ActParams(Params):
    """Look at the state again and act, if the policy still says so."""

    reason: str = Field(
        "",
        max_length=500,
        title="Why",
        description="What asked for it; kept in the ledger. The same person with the same reason soon after is the same request.",
    )
    actor: str = Field("evenkeel", min_length=1, max_length=80, title="Who", description="Who asks; kept in the ledger.")
    force: bool = Field(False, title="Force", description="Act even where the policy says hold. Needs a reason.")


class CompactParams(Params):
    """Rewrite the observation tables as few files."""

    retention_hours: int = Field(
        168,
        ge=0,
        le=87_600,
        title="Retention (hours)",
        description="Files dropped more recently than this stay, for a training that is under way and will register its version later.",
    )
