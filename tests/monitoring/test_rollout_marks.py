"""The steps of a rollout stand on the dashboards."""

from datetime import UTC, datetime

from model_code.ledger import Entry
from monitoring.marks import marks_of

AT = datetime(2024, 7, 1, tzinfo=UTC)


def test_marks_of__a_rollouts_steps_are_actions() -> None:
    note = Entry(
        id=7,
        intent="rollout/4f2a/step/weight-5",
        phase="note",
        usecase="demand",
        action="rollout",
        actor="evenkeel",
        reason="weight-5: stop: 3 of 20 requests failed",
        from_version="1",
        to_version="2",
        at=AT,
        recorded_at=AT,
    )

    (mark,) = marks_of([note])

    assert (mark.kind, mark.action, mark.until) == ("action", "rollout", None)
    assert mark.text == "rollout 1 → 2 by evenkeel\nweight-5: stop: 3 of 20 requests failed"
