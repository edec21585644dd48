"""Approval: the flow pauses with a form in the Prefect UI until a person approves, refuses, or the time is up."""

import hashlib
from datetime import UTC, datetime
from functools import partial

from prefect import get_run_logger
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from pydantic import ConfigDict, Field, ValidationError

from flows import artifacts
from flows.notices import links, say
from model_code.installation import Installation
from model_code.ledger import Entry
from monitoring.acting import APPROVAL
from monitoring.consent import Answer, Ask, Proposal
from monitoring.notify.message import asked_of, unanswered_of

POLL_SECONDS = 2
LATE = "not in time"


class Approval(RunInput):
    """What the person is asked."""

    model_config = ConfigDict(extra="forbid")

    approve: bool = Field(False, title="Approve", description="Move the champion as proposed. Left out, it stays.")
    who: str = Field(min_length=1, max_length=80, title="Who", description="Who answers; kept in the ledger.")
    words: str = Field("", max_length=500, title="Why", description="Kept in the ledger.")


def asker(place: Installation) -> Ask:
    """Asks by pausing this run; people are told that they are awaited, and where nobody came in time."""
    return partial(_ask, place)


def _ask(place: Installation, proposal: Proposal) -> Answer:
    """Pause the run, show what is proposed, wait for the answer; no answer in time is a refusal."""
    key = pause_key(proposal)
    telling = f"{flow_run.id}/{key}"  # the same run again takes up the same pause: nobody is told of it twice
    form = Approval.with_initial_data(description=_told(proposal), approve=False, words="")
    get_run_logger().info("waiting %s for a person: %s", proposal.timeout, proposal.action)
    artifacts.table(proposal.usecase, "approval", [proposal.evidence], f"{proposal.action} waits for approval")
    say(place, asked_of(proposal, datetime.now(UTC), links(place)), telling)
    try:
        try:
            answer = _paused(proposal, form, key)
        except ValidationError:  # killed while it waited, and run again: Prefect pauses by a key once, and nobody had answered
            answer = _paused(proposal, form, f"{key}-{flow_run.run_count}")
    except FlowPauseTimeout:
        say(place, unanswered_of(proposal, datetime.now(UTC), links(place)), telling)
        return Answer(False, "", LATE)
    return Answer(answer.approve, answer.who, answer.words)


def _paused(proposal: Proposal, form: type[Approval], key: str) -> Approval:
    timeout = max(1, round(proposal.timeout.total_seconds()))
    return pause_flow_run(wait_for_input=form, timeout=timeout, poll_interval=POLL_SECONDS, key=key)


def note_of(proposal: Proposal, answer: Answer, actor: str, at: datetime) -> Entry:
    """For the ledger: what was answered about a promotion that the policy did not ask for; it starts no cool-down.

    Args:
        proposal: What the person was shown.
        answer: What came back.
        actor: Who asked for the promotion; the note is theirs where nobody answered.
        at: Time of the decision (aware).
    """
    return Entry(
        phase="note",
        usecase=proposal.usecase,
        action=APPROVAL,
        actor=answer.by or actor,
        reason=str(answer),
        from_version=proposal.from_version,
        evidence={"proposed": proposal.evidence | {"to_version": proposal.to_version}},
        at=at,
    )


def pause_key(proposal: Proposal) -> str:
    """Of the question: a run that asks again about the same versions and entities takes up the answer; about others it asks anew."""
    about = [proposal.from_version, proposal.to_version, *(proposal.evidence.get("scope") or ())]
    return f"approve-{proposal.action}-{hashlib.sha256(repr(about).encode()).hexdigest()[:12]}"


def _told(proposal: Proposal) -> str:
    """What the form shows, in Markdown."""
    target = "the version before" if proposal.to_version is None else f"version {proposal.to_version}"
    reasons = "\n".join(f"- {reason}" for reason in proposal.reasons)
    return (
        f"**{proposal.usecase}: {proposal.action}** of version {proposal.from_version} to {target}\n\n{reasons}\n\n"
        f"Without an answer within {proposal.timeout} the champion stays."
    )
