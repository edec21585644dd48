"""What the bridge keeps of alerts, until a flow has looked."""

from datetime import timedelta

import sqlalchemy as sa

from monitoring.alert_bridge.incidents import RUN_SEEN, Incidents
from monitoring.alert_bridge.sender import LEASE
from tests.bridge_process import alert, webhook
from tests.monitoring.alert_bridge.bridge import NOON, SHOWN, Client, Clock, kept


def test_alerts__the_same_twenty_times_are_one_incident(client: Client, engine: sa.Engine) -> None:
    answers = [client.post("/alerts", content=webhook(alert("demand")), headers=SHOWN) for _ in range(20)]

    assert [answer.status_code for answer in answers] == [202] * 20
    assert [answer.json()["new"] for answer in answers] == [1] + [0] * 19
    assert len(Incidents(engine).all()) == 1


def test_incidents__end_and_begin_anew(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"))
    clock.forward(timedelta(minutes=1))
    kept(engine, clock, alert("demand", status="resolved"))
    (ended,) = incidents.all()

    kept(engine, clock, alert("demand"))
    (same,) = incidents.all()
    kept(engine, clock, alert("demand") | {"startsAt": NOON.isoformat()})

    assert (ended.ended_at, same.ended_at) == (clock.now, None)
    assert len(incidents.all()) == 2


def test_incidents__of_a_resolved_alert_that_nobody_knew_are_none(engine: sa.Engine, clock: Clock) -> None:
    assert kept(engine, clock, alert("demand", status="resolved")).all() == []


def test_claim__gives_each_to_one_and_again_when_the_lease_is_over(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"))

    mine, others = incidents.claim(clock(), LEASE), Incidents(engine).claim(clock(), LEASE)
    clock.forward(LEASE)

    assert (len(mine), len(others), len(incidents.claim(clock(), LEASE))) == (1, 0, 1)


def test_looked__deals_with_what_came_before_the_look_began(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("other"))
    began = clock.now
    clock.forward(timedelta(seconds=1))
    kept(engine, clock, alert("demand", "EvenkeelBadOrigins"))

    assert incidents.looked("demand", began, "flow run 1", clock.now) == 1

    assert [each.alertname for each in incidents.all(waiting=True) if each.usecase == "demand"] == ["EvenkeelBadOrigins"]


def test_give_up__of_one_that_fires_on_since_it_was_claimed_leaves_it_due(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"))
    kept(engine, clock, alert("demand", status="resolved"))
    (claimed,) = incidents.claim(clock(), LEASE)
    kept(engine, clock, alert("demand"))

    incidents.give_up(claimed, "resolved before a flow looked at it")

    assert [(each.due_at, each.error) for each in incidents.all()] == [(clock.now + LEASE, None)]


def test_saw_run__puts_off_what_waits_on_that_use_case_alone(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("other"))
    told = []
    for usecase in ("demand", "other"):
        clock.forward(timedelta(minutes=5))
        incidents.saw_run(usecase, clock.now)
        told.append(incidents.overdue_since())

    assert told == [NOON, NOON + timedelta(minutes=5)]


def test_incidents__of_a_database_from_before_runs_were_kept_go_on(engine: sa.Engine, clock: Clock) -> None:
    kept(engine, clock, alert("demand"))
    RUN_SEEN.drop(engine)

    incidents = Incidents(engine)
    received = incidents.overdue_since()
    clock.forward(timedelta(minutes=5))
    incidents.saw_run("demand", clock.now)

    assert (received, incidents.overdue_since()) == (NOON, clock.now)


def test_forget__drops_only_what_is_old_and_done(engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("other"))
    incidents.looked("demand", clock.now, "flow run 1", clock.now)

    assert incidents.forget(clock.now) == 0
    assert incidents.forget(clock.now + timedelta(seconds=1)) == 1
    assert [each.usecase for each in incidents.all()] == ["other"]
