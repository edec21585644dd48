"""Messages about the incidents that the ledger tells of: what is said, to whom, once; over real HTTP and SMTP."""

import asyncio
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from model_code.errors import ConfigurationError
from model_code.ledger import Entry, Ledger
from model_code.policy import Verdict
from model_code.settings import Settings
from monitoring.consent import Proposal
from monitoring.notify.incidents import incidents_of
from monitoring.notify.message import Message, asked_of, message_of, unanswered_of
from monitoring.notify.notifier import MOST_MESSAGES, MOST_REFUSALS, RECENT, Notifier
from monitoring.notify.targets import MOST_TARGETS, AppriseTarget, targets
from tests.conftest import free_port
from tests.hook_server import HookServer, hook_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # in Apprise
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINKS = {"Run": "http://prefect/runs/1"}
ROLLBACK = Verdict(action="rollback", reasons=("VIC: version 2 loses 3 against 1",), side_effects=("page",), to_version="1")
PAGE = Verdict(action="hold", reasons=("data at fault: the newest are 30.0 h old",), side_effects=("page", "refresh"))
WAITING = Verdict(action="hold", reasons=("VIC: 1 origins scored since the last release, 3 are needed",))
CALM = Verdict(action="hold", reasons=("VIC: on an even keel: live / expected loss 1.0",), calm=True)


def look(verdict: Verdict, at: datetime) -> Entry:
    evidence = {"verdict": verdict.model_dump(mode="json")}
    reason = "; ".join(verdict.reasons)
    return Entry(phase="note", usecase="demand", action="verdict", actor="monitor", reason=reason, evidence=evidence, at=at, recorded_at=at, intent=f"look {at}")  # fmt: skip


def act(action: str, at: datetime, phase: Any = "done") -> Entry:
    return Entry(phase=phase, usecase="demand", action=action, actor="evenkeel", reason="it was bad", from_version="2", to_version="1", at=at, recorded_at=at, intent=f"act {at}")  # fmt: skip


STORY = [look(CALM, NOON), look(ROLLBACK, NOON + HOUR), act("rollback", NOON + HOUR), look(WAITING, NOON + 2 * HOUR),
         look(CALM, NOON + 30 * HOUR)]  # fmt: skip


class Listed:
    """A target that keeps what it is told, or refuses it."""

    def __init__(self, name: str = "listed") -> None:
        self.identity = self.kind = name
        self.told: list[Message] = []
        self.broken = False
        self.never = ""
        self.refused = 0

    def send(self, message: Message) -> str | None:
        if self.broken or (self.never and self.never in message.body):
            self.refused += 1
            return "out of order"
        self.told.append(message)
        return None

    @property
    def kinds(self) -> list[str]:
        return [message.kind for message in self.told]


def written(engine: sa.Engine, *entries: Entry) -> None:
    for entry in entries:
        Ledger(engine).append(entry)


# What is said -----------------------------------------------------------------------------------------------------------


def test_message_of__says_evidence_action_and_links() -> None:
    (incident,) = incidents_of(STORY)

    opened, ended = message_of(incident, "opened", LINKS), message_of(incident, "ended", LINKS)

    assert opened.title == "Evenkeel demand: rollback to version 1"
    assert "- VIC: version 2 loses 3 against 1" in opened.body
    assert "Run: http://prefect/runs/1" in opened.body
    assert ended.title == "Evenkeel demand: on an even keel again"
    assert "- rollback 2 → 1 by evenkeel" in ended.body
    assert "It lasted 29.0 hours." in ended.body


def test_message_of__says_what_an_action_came_to_that_moved_nothing() -> None:
    kept = act("retrain", NOON, "note").model_copy(update={"to_version": None, "reason": "kept the champion: no gain"})
    (incident,) = incidents_of([look(PAGE, NOON), kept, look(CALM, NOON + HOUR)])

    assert "- retrain by evenkeel: kept the champion: no gain" in message_of(incident, "ended", {}).body


def test_message_of__is_bounded() -> None:
    verdict = Verdict(action="retrain", reasons=tuple(f"{number} " + "x" * 10_000 for number in range(500)))

    assert len(message_of(incidents_of([look(verdict, NOON)])[0], "opened", {}).body) < 5_000


def test_message_of__the_end_of_what_lasts_is_refused() -> None:
    with pytest.raises(ValueError, match="lasts still"):
        message_of(incidents_of([look(PAGE, NOON)])[0], "ended", {})


def proposal(action: str = "rollback", **changed: Any) -> Proposal:
    told = {"from_version": "2", "to_version": "1", "reasons": ROLLBACK.reasons, "evidence": {}, "timeout": HOUR} | changed
    return Proposal("demand", action, **told)


def test_asked_of__says_what_is_asked_until_when_and_where() -> None:
    asked = asked_of(proposal(evidence={"scope": ["VIC"]}), NOON, LINKS)

    assert asked.title == "Evenkeel demand: rollback of VIC, version 2 → 1 waits for a person"
    assert "Until: 2024-07-01 13:00 UTC; without an answer the champion stays." in asked.body
    assert "- VIC: version 2 loses 3 against 1" in asked.body
    assert "Run: http://prefect/runs/1" in asked.body


def test_asked_of__the_first_promotion_names_no_champion() -> None:
    first = proposal("promote", from_version=None, to_version="1")

    assert asked_of(first, NOON, {}).title == "Evenkeel demand: promote, version – → 1 waits for a person"


@pytest.mark.parametrize(("action", "cools"), [("rollback", True), ("promote", False)])
def test_unanswered_of__says_what_follows(action: str, cools: bool) -> None:
    ended = unanswered_of(proposal(action), NOON, {})

    assert ended.title.endswith("was not approved in time")
    assert "Nobody answered within 1:00:00: the champion stays." in ended.body
    assert ("cool-down begins" in ended.body) == cools


# Once, to everybody -----------------------------------------------------------------------------------------------------


def test_tell__one_message_when_it_begins_and_one_when_it_ends(engine: sa.Engine) -> None:
    target = Listed()
    notifier = Notifier(engine, [target])
    counts = []
    for entry in STORY:
        written(engine, entry)
        counts += [notifier.tell("demand", NOON + 30 * HOUR, LINKS), Notifier(engine, [target]).tell("demand", NOON, {})]

    assert target.kinds == ["opened", "ended"]
    assert sum(counts) == 2
    assert notifier.tell("another", NOON, {}) == 0


def test_tell__what_joins_an_incident_and_its_first_action_are_told_once(engine: sa.Engine) -> None:
    target = Listed()
    retrain = Verdict(action="retrain", reasons=("NSW: the world changed",), scope=("NSW",))
    north = look(retrain, NOON + HOUR).model_copy(update={"scope": ("NSW",)})
    page = look(PAGE, NOON).model_copy(update={"scope": ("VIC",)})
    story = [page, north, look(retrain, NOON + 2 * HOUR), act("retrain", NOON + 3 * HOUR), act("rollback", NOON + 4 * HOUR)]
    for number, entry in enumerate(story):
        written(engine, entry.model_copy(update={"scope": ("VIC",)}) if number == 2 else entry)
        for _ in range(2):  # whoever was killed asks again
            Notifier(engine, [target]).tell("demand", entry.at, {})

    assert [(message.kind, message.title) for message in target.told] == [
        ("opened", "Evenkeel demand: hold of VIC, refresh; a person is asked to look"),
        ("news", "Evenkeel demand: also NSW: retrain of NSW"),
        ("news", "Evenkeel demand: also all: retrain 2 → 1 by evenkeel"),
    ]


def test_tell__the_first_action_after_a_call_for_a_person_is_told(engine: sa.Engine) -> None:
    target = Listed()
    written(engine, look(PAGE, NOON), act("rollback", NOON + HOUR), act("retrain", NOON + 2 * HOUR), look(CALM, NOON + 3 * HOUR))

    Notifier(engine, [target]).tell("demand", NOON + 3 * HOUR, LINKS)

    assert target.kinds == ["opened", "news", "ended"]
    assert target.told[1].title == "Evenkeel demand: rollback 2 → 1 by evenkeel"
    assert "Run: http://prefect/runs/1" in target.told[1].body


def test_tell__news_and_end_of_a_long_incident_go_to_who_knows_of_it(engine: sa.Engine) -> None:
    early, late = Listed("early"), Listed("late")
    written(engine, look(PAGE, NOON))
    Notifier(engine, [early]).tell("demand", NOON, {})
    much_later = NOON + RECENT + HOUR
    written(engine, act("rollback", much_later), look(CALM, much_later + HOUR))

    Notifier(engine, [early, late]).tell("demand", much_later + HOUR, {})

    assert (early.kinds, late.kinds) == (["opened", "news", "ended"], [])


def test_tell__what_was_refused_is_told_by_the_next_run_to_those_who_missed_it(engine: sa.Engine) -> None:
    good, bad = Listed("good"), Listed("bad")
    bad.broken = True
    written(engine, *STORY)
    assert Notifier(engine, [good, bad]).tell("demand", NOON + 31 * HOUR, {}) == 2

    bad.broken = False
    assert Notifier(engine, [good, bad]).tell("demand", NOON + 32 * HOUR, {}) == 2

    assert (good.kinds, bad.kinds) == (["opened", "ended"],) * 2


def test_say__tells_each_target_once_for_the_same_pause_and_who_missed_it_again(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = Listed("good"), Listed("bad")
    bad.broken, asked = True, asked_of(proposal(), NOON, LINKS)
    assert Notifier(engine, [good, bad]).say("demand", "run 1/approve-rollback", asked, NOON) == 1

    bad.broken = False  # the same run, after a kill
    assert Notifier(engine, [good, bad]).say("demand", "run 1/approve-rollback", asked, NOON) == 1
    assert Notifier(engine, [good]).say("demand", "run 2/approve-rollback", asked, NOON) == 1

    assert (good.kinds, bad.kinds) == (["asked", "asked"], ["asked"])
    assert "bad was not told that a person is awaited for demand: out of order" in caplog.text


def test_tell__leaves_history_alone_and_is_bounded(engine: sa.Engine) -> None:
    target = Listed()
    for number in range(2 * MOST_MESSAGES):
        written(engine, look(PAGE, NOON + number * HOUR), look(CALM, NOON + number * HOUR + HOUR / 2))
    now = NOON + 2 * MOST_MESSAGES * HOUR

    assert Notifier(engine, [target]).tell("demand", now + RECENT + HOUR, {}) == 0
    assert Notifier(engine, [target]).tell("demand", now, {}) == MOST_MESSAGES


def incident(number: int) -> list[Entry]:
    begins = NOON + number * HOUR
    told = PAGE.model_copy(update={"reasons": (f"trouble {number}.",)})
    return [look(told, begins), look(CALM, begins + HOUR / 2)]


def test_tell__a_target_that_refuses_everything_holds_up_no_other(engine: sa.Engine) -> None:
    bad, good = Listed("bad"), Listed("good")
    bad.broken = True
    runs = 2 * MOST_MESSAGES
    for number in range(runs):
        written(engine, *incident(number))
        Notifier(engine, [bad, good]).tell("demand", NOON + number * HOUR + HOUR, {})

    assert good.kinds == ["opened", "ended"] * runs
    assert bad.refused < runs * MOST_REFUSALS


def test_tell__a_message_that_is_never_taken_holds_up_no_other(engine: sa.Engine) -> None:
    target = Listed()
    target.never = "trouble 0."
    for number in range(3):
        written(engine, *incident(number))

    for _ in range(2):
        Notifier(engine, [target]).tell("demand", NOON + 4 * HOUR, {})

    assert target.kinds == ["opened", "ended"] * 2
    assert target.refused == 2


# Real targets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hook() -> Iterator[HookServer]:
    with hook_server() as server:
        yield server


def test_apprise__posts_json_to_a_webhook(hook: HookServer) -> None:
    (incident,) = incidents_of(STORY)

    wrong = AppriseTarget(f"json://127.0.0.1:{hook.server_port}/a-secret-path").send(message_of(incident, "opened", LINKS))

    assert wrong is None
    assert hook.posts[0]["title"] == "Evenkeel demand: rollback to version 1"
    assert "version 2 loses 3 against 1" in hook.posts[0]["message"]
    assert hook.posts[0]["type"] == "warning"


def test_apprise__failures_are_told_without_the_address(
    hook: HookServer, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    hook.status = 500
    secret = "a-secret-path-of-a-webhook"
    down, failing = f"json://127.0.0.1:{free_port()}/{secret}", f"json://127.0.0.1:{hook.server_port}/{secret}"
    written(engine, *STORY[:2])

    with caplog.at_level(logging.INFO):
        taken = Notifier(engine, targets(Settings(notify_urls=f"{down} {failing}"))).tell("demand", NOON + HOUR, {})

    assert (taken, len(hook.posts)) == (0, 1)
    assert caplog.text.count("was not told") == 2
    assert secret not in caplog.text


@contextmanager
def mail_server(taken: Callable[[str], None]) -> Iterator[int]:
    """A small SMTP server; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 sink")
        while command := (await reader.readline()).decode().strip().upper():
            if command == "DATA":
                await say("354 go on")
                taken((await reader.readuntil(b"\r\n.\r\n")).decode())
            await say("221 bye" if command == "QUIT" else "250 ok")
            if command == "QUIT":
                break
        writer.close()
        await writer.wait_closed()

    loop, started, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            ports.append(server.sockets[0].getsockname()[1])
            started.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    started.wait(10)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()


def test_apprise__sends_mail() -> None:
    mails: list[str] = []
    (incident,) = incidents_of(STORY)
    with mail_server(mails.append) as port:
        url = f"mailto://127.0.0.1:{port}?from=evenkeel@example.org&to=ops@example.org&mode=insecure"

        wrong = AppriseTarget(url).send(message_of(incident, "opened", LINKS))

    assert wrong is None
    mail = message_from_string(mails[0], policy=default)
    assert mail["Subject"] == "Evenkeel demand: rollback to version 1"
    assert "ops@example.org" in mail["To"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert "version 2 loses 3 against 1" in body.get_content()


# Settings ---------------------------------------------------------------------------------------------------------------


def test_targets__come_from_environment_and_file(tmp_path: Path) -> None:
    listed = tmp_path / "urls"
    listed.write_text("# on call\njson://one\n\njson://two\n")

    found = targets(Settings(notify_urls="json://zero json://one", notify_file=listed))

    assert [target.url for target in found] == ["json://zero", "json://one", "json://two"]
    assert targets(Settings()) == []
    assert "json" not in repr(found).replace("kind", "")
    assert "json://zero" not in repr(Settings(notify_urls="json://zero"))


@pytest.mark.parametrize("wrong", ["not-a-url-but-a-secret", " ".join(f"json://host{n}" for n in range(MOST_TARGETS + 1))])
def test_targets__that_are_wrong_are_refused_without_showing_them(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        targets(Settings(notify_urls=wrong))

    assert "secret" not in str(error.value)
    assert "host1" not in str(error.value)


def test_targets__of_a_file_that_is_not_utf_8_are_refused_without_showing_it(tmp_path: Path) -> None:
    listed = tmp_path / "urls"
    listed.write_bytes("mailtos://me:gehäuse@mail".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="not UTF-8") as error:
        targets(Settings(notify_file=listed))

    logged = "".join(traceback.format_exception(error.value))
    assert "geh" not in logged
    assert "0xe4" not in logged


def test_apprise__an_address_of_no_known_kind_is_said_to_be_one() -> None:
    assert AppriseTarget("nothing-known://x").send(Message("opened", "a", "b")) == "not a URL that Apprise knows"
