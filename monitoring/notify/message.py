"""What a message says: what happened, on which evidence, what is done about it, and where to read on. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from model_code.ledger import Entry
from monitoring.consent import Proposal
from monitoring.notify.incidents import VERDICT, Incident, News, verdict_of
from monitoring.notify.words import cut, moment, span_of

MOST_REASONS = 8
MOST_SUBJECTS = 8
ANOTHER_TIME = timedelta(hours=1)  # a decision that far from its recording belongs to a simulation
Kind = Literal["opened", "news", "ended", "asked", "unanswered"]


@dataclass(frozen=True)
class Message:
    """One message, in plain text."""

    kind: Kind
    title: str
    body: str


def message_of(incident: Incident, kind: Literal["opened", "ended"], links: Mapping[str, str]) -> Message:
    """The message about the beginning or the end of an incident.

    Args:
        links: Where to read on, by what it is.

    Raises:
        ValueError: The end of an incident that lasts still.
    """
    if kind == "opened":
        return _about(incident.opened, kind, "", links)
    if incident.ended is None:
        raise ValueError(f"incident {incident.key} lasts still")
    done = [f"- {_done(entry)}" for entry in incident.actions] or ["- nothing: it passed by itself"]
    lasted = incident.ended.at - incident.opened.at
    parts = [
        _heading(incident.ended),
        f"It lasted {span_of(lasted)}.",
        "",
        "Done:",
        *done,
        "",
        "Evidence:",
        *_reasons(incident.ended),
    ]
    return Message(kind, f"Evenkeel {incident.usecase}: on an even keel again", _body(parts, links))


def news_of(news: News, links: Mapping[str, str]) -> Message:
    """The message about what joined an incident that lasts, or what is done about it.

    Args:
        links: Where to read on, by what it is.
    """
    more = f", and {len(news.subjects) - MOST_SUBJECTS} more" if len(news.subjects) > MOST_SUBJECTS else ""
    return _about(news.entry, "news", f"{', '.join(news.subjects[:MOST_SUBJECTS])}{more}" if news.subjects else "", links)


def asked_of(proposal: Proposal, at: datetime, links: Mapping[str, str]) -> Message:
    """The message that a person is awaited.

    Args:
        at: When the wait begins (aware).
        links: Where to read on, by what it is; among them the run that waits.
    """
    parts = [
        f"{proposal.usecase}, {moment(at)} UTC",
        "",
        f"A person is asked for: {_proposed(proposal)}",
        f"Until: {moment(at + proposal.timeout)} UTC; without an answer the champion stays.",
        "Where: on the page of the run, under Resume.",
        "",
        "Evidence:",
        *_listed(proposal.reasons),
    ]
    return Message("asked", f"Evenkeel {proposal.usecase}: {_proposed(proposal)} waits for a person", _body(parts, links))


def unanswered_of(proposal: Proposal, at: datetime, links: Mapping[str, str]) -> Message:
    """The message that nobody answered in time.

    Args:
        at: When the wait ended (aware).
        links: Where to read on, by what it is.
    """
    parts = [
        f"{proposal.usecase}, {moment(at)} UTC",
        "",
        f"Nobody answered within {proposal.timeout}: the champion stays.",
        *([] if proposal.action == "promote" else ["The policy's cool-down begins: it asks nobody again until that has passed."]),
        "To move sooner, start the flow with force and a reason.",
    ]
    return Message(
        "unanswered", f"Evenkeel {proposal.usecase}: {_proposed(proposal)} was not approved in time", _body(parts, links)
    )


def _proposed(proposal: Proposal) -> str:
    scope = proposal.evidence.get("scope") or ()
    whom = f" of {', '.join(scope)}" if scope else ""
    return f"{proposal.action}{whom}, version {proposal.from_version or '–'} → {proposal.to_version or 'the one before'}"


def _about(entry: Entry, kind: Kind, joined: str, links: Mapping[str, str]) -> Message:
    asked, also = _asked(entry), f"also {joined}: " if joined else ""
    parts = [_heading(entry), "", "Evidence:", *_reasons(entry), "", f"Action: {asked}"]
    return Message(kind, f"Evenkeel {entry.usecase}: {also}{asked}", _body(parts, links))


def _heading(entry: Entry) -> str:
    recorded = entry.recorded_at or entry.at
    told = f"{entry.usecase}, {moment(recorded)} UTC"
    return told + (f" (decided for {moment(entry.at)} UTC)" if abs(recorded - entry.at) > ANOTHER_TIME else "")


def _asked(entry: Entry) -> str:
    """What is done or wanted, in a few words."""
    if entry.action != VERDICT:
        return _done(entry)
    verdict = verdict_of(entry)
    action, effects = verdict.get("action", "hold"), verdict.get("side_effects") or []
    target = f" to version {verdict['to_version']}" if verdict.get("to_version") else ""
    scope = f" of {', '.join(entry.scope)}" if entry.scope else ""
    others = [str(effect) for effect in effects if effect != "page"]
    called = "; a person is asked to look" if action == "hold" and "page" in effects else ""
    return f"{action}{target}{scope}" + (f", {', '.join(others)}" if others else "") + called


def _done(entry: Entry) -> str:
    moved = f" {entry.from_version or '–'} → {entry.to_version}" if entry.to_version else ""
    told = f": {cut(entry.reason)}" if entry.phase == "note" and entry.reason else ""  # what it came to, or who refused it
    return f"{entry.action}{moved} by {entry.actor}{told}"


def _reasons(entry: Entry) -> Iterator[str]:
    told = [str(reason) for reason in verdict_of(entry).get("reasons") or ()] if entry.action == VERDICT else [entry.reason]
    return _listed(told)


def _listed(reasons: Sequence[str]) -> Iterator[str]:
    yield from (f"- {cut(reason)}" for reason in reasons[:MOST_REASONS])
    if len(reasons) > MOST_REASONS:
        yield f"- and {len(reasons) - MOST_REASONS} more"


def _body(parts: Sequence[str], links: Mapping[str, str]) -> str:
    shown = ["", *(f"{name}: {url}" for name, url in links.items())] if links else []
    return "\n".join([*parts, *shown])
