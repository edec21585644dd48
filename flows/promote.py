"""Promote: the challenger becomes champion if the paired verdict says so, or if a person forces it, on record."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from prefect import flow, get_run_logger

from flows import artifacts
from flows.approval import asker, note_of
from flows.events import PROMOTED, look
from flows.notices import tell
from flows.params import PromoteParams
from flows.told import TOLD
from model_code import logs
from model_code.contest import judge
from model_code.errors import PromotionRefused
from model_code.installation import Installation
from model_code.ledger import Entry
from model_code.verdict import PairedVerdict
from monitoring.consent import Answer, Ask, Proposal, is_needed, unasked


@dataclass(frozen=True)
class Contest:
    """Champion (None: nobody reigns) and the version that wants to be, held against each other."""

    champion: str | None
    version: str
    verdict: PairedVerdict


@flow(name="promote", persist_result=True, result_serializer="json", **TOLD)
def promote(params: PromoteParams) -> dict[str, Any]:
    """Compare champion and challenger on the same origins and move the aliases and the pointer, or say why not."""
    place = Installation.open(params.usecase)
    now = place.present(params.now)
    held = contest(place, params.version, now)
    verdict = held.verdict.model_dump(mode="json")
    told = f"Version {held.version} against {held.champion}, on the same origins"
    get_run_logger().info("%s: %s", told, held.verdict.reason)
    artifacts.table(params.usecase, "verdict", [verdict], told)
    entry, answer = carry_out(place, params, held, now, asker(place))
    if entry is not None:
        announce(params.usecase, entry)
    tell(place)
    outcome = {"version": held.version, "champion": held.champion, "verdict": verdict, "forced": params.force}
    refused = {} if answer is None or answer.approved else {"approval": str(answer)}
    return outcome | {"promoted": entry is not None} | refused


def contest(place: Installation, version: str | None, now: pd.Timestamp) -> Contest:
    """The version that was named, or the challenger, judged against the champion; what a kill cut short is completed first.

    Raises:
        PromotionRefused: There is no challenger.
    """
    usecase = place.usecase.name
    place.promoter.recover(usecase)
    wants = version or place.registry.version_of(usecase, "challenger")
    if wants is None:
        raise PromotionRefused(f"{usecase} has no challenger", hint="run the train flow first")
    champion = place.registry.version_of(usecase, "champion")
    return Contest(champion, wants, judge(place, now, champion, wants))


def carry_out(
    place: Installation, params: PromoteParams, held: Contest, now: pd.Timestamp, ask: Ask = unasked
) -> tuple[Entry | None, Answer | None]:
    """Promote if the verdict says so, and who has to agree does; or if it is forced.

    Returns:
        The champion's move, None where it stays; what the person said, None where nobody was asked.

    Raises:
        PromotionRefused: Forced without a reason, or another champion by now.
    """
    if not held.verdict.better and not params.force:
        return None, None
    answer = None if params.force else _answered(place, params, held, now, ask)
    if answer is not None and not answer.approved:
        return None, answer
    entry = place.promoter.promote(
        params.usecase,
        held.version,
        params.actor,
        params.reason or held.verdict.reason,
        {},
        now.to_pydatetime(),
        verdict=held.verdict,
        force=params.force,
        from_version=held.champion,
    )
    return entry, answer


def _answered(place: Installation, params: PromoteParams, held: Contest, now: pd.Timestamp, ask: Ask) -> Answer | None:
    """What the person says who has to agree, noted; None where nobody has to."""
    rule, reasons = place.usecase.spec.approval, (held.verdict.reason,)
    if not is_needed(rule, "promote"):
        return None
    evidence = held.verdict.model_dump(mode="json")
    proposal = Proposal(params.usecase, "promote", held.champion, held.version, reasons, evidence, rule.timeout)
    answer = ask(proposal)
    place.ledger.append(note_of(proposal, answer, params.actor, now.to_pydatetime()))
    return answer


def announce(usecase: str, entry: Entry) -> None:
    """Tell the server that the champion moved; what this run logs from here on is about the new one."""
    logs.bind(version=entry.to_version)
    look(PROMOTED, usecase, entry.at.isoformat(), action=entry.action, to=entry.to_version, reason=entry.reason)
