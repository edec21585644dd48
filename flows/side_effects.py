"""What goes with a verdict beside its action: data are asked for again, what is wrong is set aside. Paging is telling: `notices`."""

from collections.abc import Callable
from datetime import datetime
from logging import Logger, LoggerAdapter
from typing import Any

from prefect.deployments import run_deployment
from prefect.runtime import deployment

from model_code.data.set_aside import set_aside
from model_code.installation import Installation
from monitoring.judgement import Judgement

Log = Logger | LoggerAdapter[Any]
Effect = Callable[[Installation, Judgement, datetime], str]


def carry_out(place: Installation, seen: Judgement, at: datetime, log: Log) -> dict[str, str]:
    """Do what the verdict names; a failure is told and keeps nobody from judging.

    Returns:
        Side effect -> what came of it.
    """
    done: dict[str, str] = {}
    for name in seen.verdict.side_effects:
        if name not in EFFECTS:
            continue
        try:
            done[name] = EFFECTS[name](place, seen, at)
        except Exception as error:  # whatever it is: the verdict stands, and its event has to go out
            done[name] = f"failed: {error}"
            log.exception("side effect %s failed", name)
    return done


def start_refresh(place: Installation, seen: Judgement, at: datetime) -> str:
    """Start the refresh flow and do not wait for it; asked for again within the hour, it is that run."""
    usecase = place.usecase.name
    run = run_deployment(
        f"refresh/{deployment.name or 'local'}",
        parameters={"params": {"usecase": usecase, "now": at.isoformat()}},
        timeout=0,
        as_subflow=False,
        idempotency_key=f"refresh-{usecase}-{at:%Y%m%dT%H}",
    )
    return f"started {getattr(run, 'name', run)}"


def quarantine(place: Installation, seen: Judgement, at: datetime) -> str:
    """Set aside the rows that the data faults name."""
    marked = set_aside(place.store, place.usecase.name, seen.evidence.data_faults, at)
    return f"{marked} rows set aside"


EFFECTS: dict[str, Effect] = {"refresh": start_refresh, "quarantine": quarantine}
