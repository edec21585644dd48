"""A run whose pod was killed before it could say so (node lost, memory, kill -9) is run once more; flows are idempotent."""

from collections.abc import Sequence

from prefect.automations import AutomationCore
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture

CRASHED = "prefect.flow-run.Crashed"
# A second crash is no accident: that run stays crashed. The name keeps Prefect from counting anew.
FIRST_ATTEMPT = "1"
AWAITING = "AwaitingRetry"


def second_chance(pools: Sequence[str]) -> AutomationCore:
    """The Automation that schedules a run of these pools again when its first attempt crashed."""
    return AutomationCore(
        name="evenkeel: a crashed run is run once more",
        description="A run on Kubernetes whose pod was killed in its first attempt is scheduled again; a second crash stays one.",
        trigger=EventTrigger(
            expect={CRASHED},
            match={"prefect.resource.id": "prefect.flow-run.*", "prefect.run-count": FIRST_ATTEMPT},
            match_related={"prefect.resource.role": "work-pool", "prefect.resource.name": list(pools)},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[ChangeFlowRunState(name=AWAITING, state=StateType.SCHEDULED, message="its pod was killed; run once more")],
    )
