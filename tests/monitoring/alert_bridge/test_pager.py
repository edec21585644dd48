"""People are told of each alert of severity `page`: once when it fires and once when it is over, whatever fails in between."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from model_code import sql
from model_code.errors import StoreError
from model_code.settings import Settings
from monitoring.alert_bridge.page_message import MOST_TOLD
from monitoring.alert_bridge.pager import FIRST_RETRY, LEDGERS_TURN, LONGEST_RETRY, Pager
from monitoring.alert_bridge.token import ensure_token
from monitoring.notify.notifier import RECENT
from monitoring.notify.notifier import TABLE as LEDGER_MESSAGES
from monitoring.notify.targets import targets
from tests.bridge_process import BridgeProcess, alert, webhook
from tests.conftest import free_port
from tests.hook_server import SECRET_PATH, HookServer, hook_server
from tests.monitoring.alert_bridge.bridge import NOON, SHOWN, Client, Clock, kept
from tests.monitoring.alert_bridge.fake_prefect import PrefectServer
from tests.waiting import until

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in Apprise
DOWN = alert(None, "EvenkeelExporterDown")
UP = alert(None, "EvenkeelExporterDown", status="resolved")
FIRES, IS_OVER = "Evenkeel platform: EvenkeelExporterDown fires", "Evenkeel platform: EvenkeelExporterDown is over"
MINUTE = timedelta(minutes=1)


def pager_of(engine: sa.Engine, clock: Clock, *hooks: HookServer) -> Pager:
    return Pager(engine, lambda: targets(Settings(notify_urls=" ".join(hook.url for hook in hooks))), clock)


def all_told(pager: Pager) -> None:
    while pager.tell_due():
        pass


def test_tell_due__the_same_alert_twenty_times_and_a_restart_is_one_message_and_one_when_it_is_over(
    client: Client, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    for status in (DOWN, UP):
        for _ in range(20):
            client.post("/alerts", content=webhook(status), headers=SHOWN)
            all_told(pager_of(engine, clock, hook))

    assert hook.titles == [FIRES, IS_OVER]
    assert [post["type"] for post in hook.posts] == ["warning", "success"]


def test_tell_due__of_two_bridges_one_tells(engine: sa.Engine, hook: HookServer, clock: Clock) -> None:
    pagers = [pager_of(engine, clock, hook) for _ in range(2)]
    kept(engine, clock, *[alert(f"demand{letter}") for letter in "abcde"])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(all_told, pagers))

    assert sorted(hook.titles) == [f"Evenkeel demand{letter}: EvenkeelLossRatioBreach fires" for letter in "abcde"]


def test_tell_due__says_what_since_when_and_where_to_read_on(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    told = {"summary": "nobody answers", "runbook_url": "http://runbooks/EvenkeelServiceDown.md"}
    kept(engine, clock, alert("demand", "EvenkeelServiceDown", owner="platform") | {"annotations": told})

    assert (pager.tell_due(), pager.tell_due()) == (1, 0)

    assert hook.titles == ["Evenkeel demand: EvenkeelServiceDown fires"]
    assert hook.posts[0]["message"] == (
        "- nobody answers; since 2024-07-01 03:00 UTC\n\nRunbook: http://runbooks/EvenkeelServiceDown.md"
    )


def test_tell_due__of_what_is_no_page_says_nothing(pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock) -> None:
    kept(engine, clock, alert("demand", severity="warn"))

    assert pager.tell_due() == 0
    assert hook.posts == []


def test_tell_due__of_a_flock_is_one_short_message(pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock) -> None:
    annotations = {"summary": "x" * 4096}
    kept(engine, clock, *[alert("demand", series=f"zone{n}") | {"annotations": annotations} for n in range(50)])

    all_told(pager)

    assert hook.titles == ["Evenkeel demand: EvenkeelLossRatioBreach fires (50 times)"]
    assert f"and {50 - MOST_TOLD} more" in hook.posts[0]["message"]
    assert len(hook.posts[0]["message"]) < 5_000


def test_tell_due__a_target_that_is_down_is_tried_later_and_the_others_are_told(
    engine: sa.Engine, hook: HookServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with hook_server() as other:
        other.status = 500
        pager = pager_of(engine, clock, other, hook)
        pager.tell_due()
        kept(engine, clock, DOWN)
        with caplog.at_level(logging.INFO):
            tries = [len(other.posts) for _ in range(3) if pager.tell_due() >= 0]
            kept(engine, clock, UP)
            clock.forward(FIRST_RETRY)
            pager.tell_due()
        refused, other.status = len(other.posts), 200
        clock.forward(LONGEST_RETRY)
        all_told(pager)

        assert tries == [1, 1, 1]
        assert other.titles[refused:] == hook.titles == [FIRES, IS_OVER]
    assert [record.levelname for record in caplog.records if "was not told" in record.message] == ["ERROR"] * 2
    assert SECRET_PATH not in caplog.text


def test_tell_due__what_a_target_refuses_holds_up_nothing_else(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    kept(engine, clock, DOWN)
    hook.status = 400
    pager.tell_due()
    clock.forward(MINUTE)
    kept(engine, clock, alert("demand"))
    hook.status = 200

    pager.tell_due()

    assert hook.titles == [FIRES, "Evenkeel demand: EvenkeelLossRatioBreach fires", FIRES]


def test_undelivered_since__the_first_refusal_until_it_is_taken(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    kept(engine, clock, DOWN)
    before, hook.status = pager.undelivered_since(), 500
    since = []
    for _ in range(3):
        pager.tell_due()
        since.append(pager.undelivered_since())
        clock.forward(MINUTE)
    hook.status = 200
    pager.tell_due()

    assert (before, since, pager.undelivered_since()) == (None, [NOON] * 3, None)


def test_undelivered_since__one_message_that_is_taken_does_not_hide_another_that_is_refused(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    kept(engine, clock, DOWN)
    hook.status = 500
    pager.tell_due()
    clock.forward(MINUTE)
    kept(engine, clock, alert("demand"))
    hook.status, hook.refused_titles = 200, {FIRES}

    pager.tell_due()

    assert hook.titles[-2:] == ["Evenkeel demand: EvenkeelLossRatioBreach fires", FIRES]
    assert pager.undelivered_since() == NOON


@pytest.mark.parametrize("by", ["another bridge", "nobody: the target is named no more"])
def test_undelivered_since__what_is_no_longer_to_be_told_is_no_trouble(
    engine: sa.Engine, hook: HookServer, clock: Clock, by: str
) -> None:
    hooks = [hook]
    pager = Pager(engine, lambda: targets(Settings(notify_urls=" ".join(hook.url for hook in hooks))), clock)
    kept(engine, clock, DOWN)
    hook.status = 500
    pager.tell_due()
    clock.forward(MINUTE)
    if by == "another bridge":
        hook.status = 200
        pager_of(engine, clock, hook).tell_due()
    else:
        hooks.clear()
    refused = pager.undelivered_since()

    pager.tell_due()

    assert (refused, pager.undelivered_since()) == (NOON, None)


@pytest.mark.parametrize("content", [None, "mailtos://me:gehäuse@mail".encode("latin-1")])
def test_undelivered_since__a_file_of_targets_that_cannot_be_read_is_trouble_until_it_can(
    engine: sa.Engine, hook: HookServer, clock: Clock, tmp_path: Path, content: bytes | None
) -> None:
    named = tmp_path / "targets"
    if content is not None:
        named.write_bytes(content)
    pager = Pager(engine, lambda: targets(Settings(notify_file=named)), clock)
    for _ in range(2):
        pager.tell_due()
        clock.forward(MINUTE)
    unread = pager.undelivered_since()

    named.write_text(hook.url)
    pager.tell_due()

    assert (unread, pager.undelivered_since()) == (NOON, None)


def test_undelivered_since__rounds_that_fail_are_trouble_until_one_does_not(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    kept(engine, clock, DOWN)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE alert_page RENAME TO away"))
    for _ in range(2):
        with pytest.raises((StoreError, sa.exc.SQLAlchemyError)):
            pager.tell_due()
        clock.forward(MINUTE)
    failing = pager.undelivered_since()

    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO alert_page"))
    pager.tell_due()

    assert (failing, pager.undelivered_since(), hook.titles) == (NOON, None, [FIRES])


def test_tell_due__one_that_was_over_only_because_prometheus_was_away_is_told_again(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    for status in (DOWN, UP, DOWN, DOWN):
        kept(engine, clock, status)
        all_told(pager)

    assert hook.titles == [FIRES, IS_OVER, FIRES]


def test_tell_due__a_new_target_hears_of_what_fires_and_not_of_what_was_over(
    engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    kept(engine, clock, UP | {"status": "firing"}, alert("demand"))
    clock.forward(MINUTE)
    kept(engine, clock, UP)
    clock.forward(MINUTE)

    all_told(pager_of(engine, clock, hook))

    assert hook.titles == ["Evenkeel demand: EvenkeelLossRatioBreach fires"]


def test_tell_due__of_what_was_over_long_ago_says_no_more(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock
) -> None:
    pager.tell_due()
    clock.forward(MINUTE)
    kept(engine, clock, DOWN, UP)
    clock.forward(RECENT + MINUTE)

    assert pager.tell_due() == 0


def test_forget__takes_what_was_told_along(pager: Pager, engine: sa.Engine, clock: Clock) -> None:
    incidents = kept(engine, clock, DOWN)
    pager.tell_due()
    incidents.give_up(incidents.all()[0], "no more")

    assert incidents.forget(NOON + MINUTE) == 1


@pytest.mark.parametrize(
    ("owner", "told", "messages"),
    [("model", True, 0), ("model", False, 2), ("platform", True, 2)],
    ids=["the run told of it", "no run told of it", "it is not the run's"],
)
def test_tell_due__what_the_run_that_raised_it_tells_is_not_repeated(
    pager: Pager, engine: sa.Engine, hook: HookServer, clock: Clock, owner: str, told: bool, messages: int
) -> None:
    kept(engine, clock, alert("demand", owner=owner))
    pager.tell_due()
    at_once = len(hook.posts)
    if told:
        row = {"usecase": "demand", "incident": "look", "kind": "opened", "told_at": clock() + LEDGERS_TURN / 2}
        with sql.transaction(engine) as connection:
            (target,) = targets(Settings(notify_urls=hook.url))
            connection.execute(sa.insert(LEDGER_MESSAGES).values(target=target.identity, **row))
    clock.forward(LEDGERS_TURN)
    all_told(pager)
    kept(engine, clock, alert("demand", owner=owner, status="resolved"))
    all_told(pager)

    assert at_once == (owner == "platform")
    assert len(hook.posts) == messages


def test_tell_due__without_targets_says_so_once(
    engine: sa.Engine, clock: Clock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    nobody, unread = Pager(engine, list, clock), Settings(notify_file=tmp_path / "missing")
    kept(engine, clock, DOWN)

    for pager in (nobody, Pager(engine, lambda: targets(unread), clock)):
        assert [pager.tell_due() for _ in range(3)] == [0, 0, 0]

    said = [record for record in caplog.records if "pages reach nobody" in record.message]
    assert [record.levelname for record in said] == ["WARNING"] * 2


def test_bridge__as_a_process_tells_once_through_kills_and_a_target_that_is_down(tmp_path: Path, prefect: PrefectServer) -> None:
    port = free_port()
    url = f"json://127.0.0.1:{port}/{SECRET_PATH}"
    given_ = Settings(home=tmp_path, bridge_port=free_port(), notify_urls=url)
    with BridgeProcess(given_, prefect.url) as bridge:
        bridge.post(DOWN)
        until(lambda: "was not told" in bridge.log)
        bridge.kill()
    with hook_server(port) as hook:
        for status, titles in ((DOWN, [FIRES]), (UP, [FIRES, IS_OVER])):
            with BridgeProcess(given_, prefect.url) as bridge:
                for _ in range(10):
                    assert bridge.post(status).status_code == 202
                until(lambda wanted=titles: hook.titles == wanted)  # type: ignore[misc]
                until(lambda wanted=titles: bridge.log.count(" was told that ") == len(wanted))  # type: ignore[misc]
                bridge.kill()
        with BridgeProcess(given_, prefect.url) as bridge:
            bridge.post(UP, alert(None, "EvenkeelExporterStale"))
            until(lambda: len(hook.posts) == 3)

    assert hook.titles == [FIRES, IS_OVER, "Evenkeel platform: EvenkeelExporterStale fires"]
    assert SECRET_PATH not in bridge.log
    assert ensure_token(given_) not in bridge.log
