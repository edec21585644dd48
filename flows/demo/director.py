"""Plays the scenario: lets simulated time pass, runs every step as a deployment, and writes down what came of it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from flows.demo.asker import Asker
from flows.demo.operator import bad_version
from flows.demo.scenario import COLD, HOLIDAY, Scenario
from flows.demo.stage import Stage
from model_code.origins import latest_origin

ACTING = ("rollback", "retrain", "recalibrate")  # what an Automation starts a flow for


@dataclass
class Incident:
    """What the loop did about one injection, or about nature."""

    decision: str = "hold"
    recovery_seconds: float | None = None
    failed_requests: int = 0
    evidence: str = ""


@dataclass
class Record:
    """Everything that the page and the summary tell."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    released: dict[str, datetime] = field(default_factory=dict)
    asked: int = 0
    failed: int = 0


class Director:
    """Runs one scenario on a stage.

    Args:
        stage: An open stage.
        scenario: What happens in the world; the loop is not told.
        console: Where progress goes.
    """

    def __init__(self, stage: Stage, scenario: Scenario, console: Console) -> None:
        self._stage, self._scenario, self._console = stage, scenario, console
        self._url = f"http://{stage.settings.host}:{stage.settings.service_port}"
        self.record = Record()

    def play(self) -> Record:
        """From the first refresh to the last look."""
        self._release_first_model()
        began, now = time.monotonic(), self._scenario.next_look(self._scenario.train_at, soon=False)
        while True:
            verdict = self._look(now)
            self._console.print(
                f"[dim]{now:%d %b}[/dim]  {verdict['action']:<9} {_short(verdict['reasons'])}", highlight=False, soft_wrap=True
            )
            if now >= self._scenario.end:
                break
            now = self._scenario.next_look(now, verdict["look_again_soon"] or verdict["action"] != "hold")
        looks = len(self.record.verdicts)
        quiet = sum(verdict["action"] == "hold" for verdict in self.record.verdicts)
        self._step("live weeks", f"{looks} looks; {quiet} held, {looks - quiet} acted", "watch", began)
        return self.record

    def _release_first_model(self) -> None:
        now = self._scenario.train_at
        began = time.monotonic()
        rows = self._stage.run("refresh", now)
        told = "; ".join(f"{row['feed']} {row['inserted']} rows, {row['quarantined']} quarantined" for row in rows)
        self._step("refresh", told, "append", began)
        began = time.monotonic()
        found = self._stage.run("search", now)
        best = ", ".join(f"{family} {loss:.4f}" for family, loss in found["best"].items())
        self._step("search", f"{found['trials']} trials, {found['pruned']} pruned; {best} GW", "candidates", began)
        began = time.monotonic()
        trained = self._stage.run("train", now)
        told = ", ".join(f"{row['family']} {row['holdout_loss']:.4f}" for row in trained["candidates"])
        self._step("train", f"holdout: {told} GW", f"challenger {trained['version']}: {trained['family']}", began)
        began = time.monotonic()
        promoted = self._stage.run("promote", now, reason="first model")
        self._step("promote", promoted["verdict"]["reason"], f"champion {promoted['version']}", began)
        began = time.monotonic()
        served = self._stage.run("deploy", now)
        self._step("deploy", f"ready at {served['url']}", f"serves version {served['version']}", began)

    def _look(self, now: datetime) -> dict[str, Any]:
        """One turn of the loop, and what an automation starts."""
        release = self._scenario.bad_release
        if release is not None and release.at <= now and not self.record.released:
            self._stage.run("refresh", now)
            self._release_bad_model(now)
        before = datetime.now(UTC)
        verdict = self._turn(now) | {"at": now}
        self.record.verdicts.append(verdict)
        if verdict["action"] in ACTING:
            self._await_action(verdict, now, before)
        return verdict

    def _turn(self, now: datetime) -> dict[str, Any]:
        """What the monitor returned."""
        verdict: dict[str, Any] = self._stage.run("turn", now)
        return verdict

    def _await_action(self, verdict: dict[str, Any], now: datetime, before: datetime) -> None:
        action = verdict["action"]
        since_look = datetime.now(UTC) - datetime.fromisoformat(verdict["looked_at"])
        began = time.monotonic() - since_look.total_seconds()
        with self._asker(now) as asker:
            result = self._stage.started(action, before)
            pointer = self._stage.place.pointers.get(self._stage.place.usecase.name)
            moved = result.get("promoted", result["done"])
            answered = asker.answered_by(pointer.wanted, began) if moved and pointer else None
        self._count(asker)
        seconds = None if answered is None else answered - began
        outcome = _outcome(action, result)
        self.record.actions.append(
            {
                "action": action,
                "at": now,
                "moved": bool(moved),
                "seconds": seconds,
                "failed": asker.failed,
                "reasons": verdict["reasons"],
            }
            | {"outcome": outcome, "since": verdict.get("since")}
        )
        self._step(f"{action}, {now:%d %b}", _short(verdict["reasons"]), outcome, began)

    def _release_bad_model(self, now: datetime) -> None:
        release = self._scenario.bad_release
        assert release is not None
        began = time.monotonic()
        version = bad_version(self._stage.place, now, release.scale)
        with self._asker(now) as asker:
            result = self._stage.run(
                "promote", now, version=version, actor="operator", reason="demand needs it today", force=True
            )
            pointer = self._stage.place.pointers.get(self._stage.place.usecase.name)
            if pointer is not None:
                asker.answered_by(pointer.wanted, began)
        self._count(asker)
        self.record.released[version] = now
        told = f"verdict: {result['verdict']['reason']}; forced by operator, on record"
        self._step(f"release, {now:%d %b}", told, f"champion {version}", began)

    def _asker(self, now: datetime) -> Asker:
        return Asker(self._url, latest_origin(self._stage.place.usecase.spec, now).to_pydatetime())

    def _count(self, asker: Asker) -> None:
        self.record.asked += asker.asked
        self.record.failed += asker.failed

    def _step(self, name: str, evidence: str, decision: str, began: float) -> None:
        seconds = round(time.monotonic() - began, 2)
        self.record.steps.append({"name": name, "evidence": evidence, "decision": decision, "seconds": seconds})
        self._console.print(
            f"[bold]{name}[/bold]  {evidence}  → {decision}  [dim]{seconds:.1f} s[/dim]", highlight=False, soft_wrap=True
        )


def incidents(record: Record, scenario: Scenario) -> dict[str, Incident]:
    """What the loop did about each thing that happened: read off afterwards, from times alone."""
    week = timedelta(days=14)
    told = {"bad_release": Incident(), "changed_world": Incident(), "natural_extreme": Incident()}
    if scenario.bad_release is not None:
        told["bad_release"] = _first_action(record, scenario.bad_release.at, week)
    if scenario.level_shift is not None:
        told["changed_world"] = _changed_world(record, _first_action(record, scenario.level_shift.start, week))
    for start, end in (COLD, HOLIDAY):
        natural = _first_action(record, start, end - start + timedelta(days=3))
        if natural.decision != "hold":
            told["natural_extreme"] = natural
    window = (COLD[0], COLD[1] + timedelta(days=7))  # the weekly report that has the cold days in it
    drifted = [verdict["drifted_share"] or 0.0 for verdict in record.verdicts if window[0] <= verdict["at"] <= window[1]]
    told["natural_extreme"].evidence = f"Evidently: {max(drifted, default=0.0):.0%} of the feature columns drifted"
    return told


def _changed_world(record: Record, incident: Incident) -> Incident:
    """Recovery counts only if the new model beat the old one on the same origins, and its loss came near."""
    outcomes = [verdict["outcome"] for verdict in record.verdicts if verdict["outcome"]]
    if incident.decision == "retrain":
        recovered = bool(outcomes) and outcomes[0]["recovered"]
        incident.evidence = outcomes[0]["reason"] if outcomes else f"{incident.evidence}; no outcome yet"
        incident.recovery_seconds = incident.recovery_seconds if recovered else None
    return incident


def _first_action(record: Record, start: datetime, span: timedelta) -> Incident:
    within = [action for action in record.actions if start <= action["at"] <= start + span]
    for action in [*(action for action in within if action["moved"]), *within]:  # one that moved something tells more
        return Incident(action["action"], action["seconds"], action["failed"], _short(action["reasons"]))
    return Incident()


def _outcome(action: str, result: dict[str, Any]) -> str:
    if not result["done"]:
        return f"declined: the policy says {result['verdict']['action']}"
    if action == "rollback":
        return f"rolled back to version {result['to']}"
    return (
        f"promoted version {result['version']}: {result['reason']}"
        if result.get("promoted")
        else f"kept the champion: {result.get('reason', '')}"
    )


def _short(reasons: Any) -> str:
    return "; ".join(reasons)[:220]
