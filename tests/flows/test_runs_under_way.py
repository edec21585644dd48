"""Which runs the bridge takes for being at work, asked of a real Prefect server."""

from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Paused, Running, Scheduled, State

from monitoring.alert_bridge.prefect_api import MOST_RUNS, PrefectApi
from monitoring.alert_bridge.sender import ACTING, RUN_IS_DEAD

LONG_AGO = 2 * RUN_IS_DEAD


@flow(name=ACTING[0])
def acting(params: dict[str, str]) -> None:
    """Does nothing: only what Prefect tells of its runs counts."""


def told(prefect_api: str, usecase: str, *runs: tuple[timedelta, State | None]) -> frozenset[str]:
    """What is under way where runs were scheduled that long from now, and then came into that state."""
    with temporary_settings({PREFECT_API_URL: prefect_api}), get_client(sync_client=True) as client:
        for later, state in runs:
            scheduled = Scheduled(scheduled_time=datetime.now(UTC) + later)
            run = client.create_flow_run(acting, parameters={"params": {"usecase": usecase}}, state=scheduled)
            if state is not None:
                client.set_flow_run_state(run.id, state, force=True)
    with PrefectApi(prefect_api) as api:
        return api.looks_under_way(ACTING, usecase, RUN_IS_DEAD)


@pytest.mark.parametrize(
    ("usecase", "later", "state", "known"),
    [
        ("at_work", timedelta(0), Running(), {"RUNNING"}),
        ("no_worker", timedelta(0), None, {"SCHEDULED"}),
        ("dead", -LONG_AGO, Running(), set()),
        ("asks_a_person", -LONG_AGO, Paused(timeout_seconds=3600), {"PAUSED"}),
        ("tomorrow", timedelta(days=1), None, set()),
    ],
)
def test_looks_under_way__is_what_waits_or_works_now(
    prefect_api: str, usecase: str, later: timedelta, state: State | None, known: set[str]
) -> None:
    assert told(prefect_api, usecase, (later, state)) == known


def test_looks_under_way__sees_a_run_at_work_behind_any_number_of_later_ones(prefect_api: str) -> None:
    many = ((timedelta(days=day), None) for day in range(1, MOST_RUNS + 2))

    assert told(prefect_api, "with_a_schedule", (timedelta(0), Running()), *many) == {"RUNNING"}
