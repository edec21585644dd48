"""What the bridge sends, when again, and what becomes of it when Prefect is away."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from model_code import logs
from model_code.ledger import Entry, Ledger
from monitoring.alert_bridge.incidents import OFTEN_SENT, Incidents
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import ACTING, FIRST_RESEND, LEASE, MOST_SENT, RUN_IS_DEAD, Sender, event_id
from tests.bridge_process import alert
from tests.monitoring.alert_bridge.bridge import NOON, Clock, kept
from tests.monitoring.alert_bridge.fake_prefect import PrefectServer, run

PASS = timedelta(seconds=10)


def longest_wait(incidents: Incidents, sender: Sender, clock: Clock) -> timedelta:
    """What the gauge reads at most in five minutes, just before each pass of the sender."""
    waits = []
    for _ in range(30):
        sender.send_due()
        clock.forward(PASS)
        waits.append(clock.now - (incidents.overdue_since() or clock.now))
    return max(waits)


def closed_unseen(engine: sa.Engine, sender: Sender, clock: Clock) -> None:
    """Its event starts no run, and then it is called resolved."""
    sender.send_due()
    kept(engine, clock, alert("demand", status="resolved"))
    clock.forward(FIRST_RESEND)
    sender.send_due()
    clock.forward(timedelta(hours=1))


def test_looks_under_way__counts_what_waits_for_a_person_however_long(prefect: PrefectServer) -> None:
    long_ago = datetime.now(UTC) - 2 * RUN_IS_DEAD
    with PrefectApi(prefect.url) as api:
        prefect.runs = [run("demand", began=long_ago)]
        dead = api.looks_under_way(ACTING, "demand", RUN_IS_DEAD)
        prefect.runs = [run("demand", "PAUSED", began=long_ago)]

        assert (dead, api.looks_under_way(ACTING, "demand", RUN_IS_DEAD)) == (frozenset(), {"PAUSED"})


def test_send_due__makes_one_event_that_says_where_to_look(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    kept(engine, clock, alert("demand", series="VIC"))

    assert (sender.send_due(), sender.send_due()) == (1, 0)

    (event,) = prefect.events
    assert event["event"] == "evenkeel.alert.EvenkeelLossRatioBreach"
    assert event["resource"] == {"prefect.resource.id": "evenkeel.usecase.demand", "evenkeel.usecase": "demand"}
    assert (event["payload"]["severity"], event["payload"]["labels"]["series"]) == ("page", "VIC")
    assert event["payload"]["annotations"] == {"summary": "EvenkeelLossRatioBreach of demand"}


def test_send_due__with_prefect_away_tries_again_later_and_loses_nothing(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    prefect.broken = True
    waits = []
    for _ in range(8):
        sender.send_due()
        (incident,) = incidents.all()
        assert incident.due_at is not None
        waits.append((incident.due_at - clock.now).total_seconds())
        clock.now = incident.due_at

    prefect.broken = False
    sender.send_due()

    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (incident.failures, "on fire" in str(incident.error)) == (8, True)
    assert len(prefect.events) == 1
    assert incidents.all()[0].error is None


def test_send_due__lines_about_an_alert_name_its_use_case(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json")
    kept(engine, clock, alert("demand"), alert("other"), alert(None, "EvenkeelExporterDown"))

    sender.send_due()

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    sent = [line.get("usecase") for line in told if line["logger"] == "evenkeel.bridge" and "became event" in line["message"]]
    assert sorted(map(str, sent)) == ["None", "demand", "other"]


def test_send_due__with_prefect_away_asks_it_once_for_a_flock(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, *[alert(f"demand{letter}") for letter in "abcde"])
    prefect.broken = True

    sender.send_due()

    assert sum(each.failures for each in incidents.all()) == 1
    assert {each.due_at for each in incidents.all()} == {clock.now + timedelta(seconds=1)}


def test_send_due__after_a_lost_answer_sends_the_same_event(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    (before,) = incidents.claim(clock(), LEASE)  # who was killed right after Prefect took the event
    clock.forward(LEASE)

    sender.send_due()

    assert prefect.events[0]["id"] == str(event_id(before))


def test_send_due__waits_for_a_run_under_way(engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock) -> None:
    kept(engine, clock, alert("demand"))
    prefect.runs = [run("demand")]
    sender.send_due()
    waited = len(prefect.events)
    clock.forward(timedelta(seconds=1))
    prefect.runs = [run("another"), run("demand", began=datetime.now(UTC) - RUN_IS_DEAD)]
    sender.send_due()

    assert (waited, len(prefect.events)) == (0, 1)


def test_send_due__of_two_series_settles_the_one_that_was_acted_on(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    acted = Entry(
        phase="done", usecase="demand", action="rollback", actor="t", reason="", scope=("VIC",), at=NOON, recorded_at=NOON
    )
    Ledger(engine).append(acted)
    about_vic = [alert("demand", name, series="VIC") for name in ("EvenkeelLossRatioBreach", "EvenkeelBadOrigins")]
    incidents = kept(engine, clock, *about_vic, alert("demand", series="NSW"), alert("demand", "EvenkeelPolicyPages"))

    sender.send_due()

    looked_by = {(each.alertname, each.series): each.looked_by for each in incidents.all()}
    assert looked_by == {
        ("EvenkeelLossRatioBreach", "VIC"): "the policy's own action",
        ("EvenkeelBadOrigins", "VIC"): "the policy's own action",
        ("EvenkeelLossRatioBreach", "NSW"): None,
        ("EvenkeelPolicyPages", None): None,
    }
    assert sorted(str(event["payload"]["labels"].get("series")) for event in prefect.events) == ["NSW", "None"]


def test_send_due__sends_again_until_a_flow_has_looked(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    sender.send_due()
    clock.forward(FIRST_RESEND)
    sender.send_due()
    incidents.looked("demand", clock.now, "flow run 1", clock.now)
    clock.forward(timedelta(days=1))

    assert sender.send_due() == 0
    assert len({event["id"] for event in prefect.events}) == len(prefect.events) == 2


def test_send_due__gives_up_after_many_events_and_says_so(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    for _ in range(MOST_SENT + 1):
        sender.send_due()
        clock.forward(timedelta(hours=1))

    assert len(prefect.events) == MOST_SENT
    assert "no flow looked at it" in str(incidents.all()[0].error)
    assert incidents.all(waiting=True) == []


def test_overdue_since__is_told_of_what_prefect_never_took_or_no_run_came_of(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    told = [incidents.overdue_since()]
    for _ in range(MOST_SENT + 1):
        sender.send_due()
        told.append(incidents.overdue_since())
        clock.forward(timedelta(hours=1))
    kept(engine, clock, alert("demand", status="resolved"))

    assert told == [NOON, None, None, *[NOON] * (MOST_SENT - 1)]
    assert incidents.overdue_since() is None


@pytest.mark.parametrize("state", ["RUNNING", "PAUSED"])
def test_overdue_since__of_what_waits_for_a_run_at_work_is_a_moment_ago(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock, state: str
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    prefect.runs = [run("demand", state)]

    assert longest_wait(incidents, sender, clock) == PASS
    assert prefect.events == []


def test_overdue_since__of_what_waits_for_a_run_that_no_worker_takes_up_is_its_receipt(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    prefect.runs = [run("demand", "SCHEDULED")]

    assert longest_wait(incidents, sender, clock) == timedelta(minutes=5)
    assert prefect.events == []


def test_overdue_since__with_the_sender_dead_is_when_it_last_saw_the_run(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    prefect.runs = [run("demand")]
    longest_wait(incidents, sender, clock)
    last = clock.now - PASS
    clock.forward(timedelta(minutes=3))

    assert incidents.overdue_since() == last


def test_overdue_since__with_prefect_away_after_a_run_is_when_the_run_was_last_seen(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"), alert("demand", "EvenkeelBadOrigins"))
    prefect.runs = [run("demand")]
    longest_wait(incidents, sender, clock)
    last = clock.now - PASS
    prefect.broken = True
    longest_wait(incidents, sender, clock)

    assert incidents.overdue_since() == last


def test_overdue_since__of_what_was_sent_time_and_again_is_its_receipt_although_runs_begin(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    for _ in range(OFTEN_SENT):
        sender.send_due()
        clock.forward(timedelta(hours=1))
    prefect.runs = [run("demand")]
    sender.send_due()

    assert incidents.overdue_since() == NOON


def test_send_due__of_an_alert_of_no_use_case_waits_for_no_look(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert(None, "EvenkeelExporterDown"))

    sender.send_due()

    assert prefect.events[0]["resource"] == {"prefect.resource.id": "evenkeel.installation"}
    assert incidents.all(waiting=True) == []


def test_send_due__of_one_resolved_in_time_is_not_repeated(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    kept(engine, clock, alert("demand"))
    sender.send_due()
    kept(engine, clock, alert("demand", status="resolved"))
    clock.forward(FIRST_RESEND)
    sender.send_due()

    assert len(prefect.events) == 1


def test_send_due__of_one_closed_unseen_that_fires_on_sends_it_anew(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    closed_unseen(engine, sender, clock)
    for _ in range(20):
        kept(engine, clock, alert("demand"))
        sender.send_due()
    sent_anew = len(prefect.events)
    clock.forward(FIRST_RESEND)
    sender.send_due()

    assert (sent_anew, len(prefect.events)) == (2, 3)
    assert len({event["id"] for event in prefect.events}) == 3
    assert incidents.all()[0].error is None


def test_send_due__of_one_that_was_given_up_closed_and_fires_on_tries_as_often_again(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    kept(engine, clock, alert("demand"))
    for _ in range(2):
        for _ in range(MOST_SENT + 1):
            sender.send_due()
            clock.forward(timedelta(hours=1))
        kept(engine, clock, alert("demand"))  # told again: still the same firing
        sender.send_due()
        kept(engine, clock, alert("demand", status="resolved"))
        kept(engine, clock, alert("demand"))

    assert len({event["id"] for event in prefect.events}) == len(prefect.events) == 2 * MOST_SENT


def test_overdue_since__of_one_closed_unseen_that_fires_on_is_when_it_does(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"))
    closed_unseen(engine, sender, clock)
    prefect.broken = True
    kept(engine, clock, alert("demand"))
    fires_on = clock.now

    assert longest_wait(incidents, sender, clock) == timedelta(minutes=5)
    assert incidents.overdue_since() == fires_on


def test_send_due__of_one_that_a_flow_looked_at_sends_nothing_when_it_fires_on(
    engine: sa.Engine, sender: Sender, prefect: PrefectServer, clock: Clock
) -> None:
    incidents = kept(engine, clock, alert("demand"), alert(None, "EvenkeelExporterDown"))
    sender.send_due()
    incidents.looked("demand", clock.now, "flow run 1", clock.now)
    kept(engine, clock, alert("demand", status="resolved"), alert(None, "EvenkeelExporterDown", status="resolved"))
    clock.forward(FIRST_RESEND)
    kept(engine, clock, alert("demand"), alert(None, "EvenkeelExporterDown"))

    assert (sender.send_due(), len(prefect.events)) == (0, 2)
    assert incidents.overdue_since() is None
