"""What a run that acted returns, and what it leaves behind: the move announced, how it was judged as a table for people."""

from typing import Any

import pandas as pd
from prefect import get_run_logger

from flows import artifacts
from flows.params import ActParams
from flows.promote import announce
from monitoring.acting import Acted, Judged


def outcome_of(
    action: str, params: ActParams, done: Acted[Judged], judged: pd.DataFrame | None, description: str
) -> dict[str, Any]:
    """Announce the champion's move and show how it was judged.

    Args:
        action: Name of the flow.
        params: What was asked for.
        done: What came of it.
        judged: Champion and challenger, a row for each origin; None where nothing was judged.
        description: What those rows are.

    Returns:
        JSON-able: `done`, `promoted`, `version`, `reason` and the `verdict` of the policy.
    """
    if done.declined:
        return declined(done)
    if done.entry is not None:
        announce(params.usecase, done.entry)
    if judged is not None:
        rows = [{str(name): value for name, value in row.items()} for row in judged.to_dict("records")]
        artifacts.table(params.usecase, action, rows, description)
    told = {"done": True, "promoted": done.entry is not None, "version": done.version, "reason": done.reason}
    return told | {"verdict": done.seen.verdict.model_dump(mode="json")}


def declined(done: Acted[Judged]) -> dict[str, Any]:
    """What a run returns whose second look asked for something else; it is logged."""
    verdict = done.seen.verdict
    get_run_logger().warning("declined: the policy says %s: %s", verdict.action, "; ".join(verdict.reasons))
    return {"done": False, "verdict": verdict.model_dump(mode="json")}
