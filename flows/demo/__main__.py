"""`python -m flows.demo`: play the scenario, print the table, write the summary and the page."""

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows.demo import report
from flows.demo.director import Director, Incident, Record, incidents
from flows.demo.scenario import Scenario
from flows.demo.stage import Stage, clean
from model_code.errors import EvenkeelError
from model_code.evidence import Evidence
from model_code.installation import Installation
from monitoring.truth import score

HOME = Path(".evenkeel/demo")


def main() -> int:
    """Exit code 0 when the loop was played to its end; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m flows.demo", description="The whole loop on real data, in a few minutes.")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the demo; emptied first (default: %(default)s)")
    parser.add_argument("--scenario", type=Path, help="JSON of another scenario (see flows/demo/scenario.py)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    try:
        scenario = Scenario() if options.scenario is None else Scenario.model_validate_json(options.scenario.read_text())
        _play(options.home, scenario, console)
    except (EvenkeelError, OSError, ValueError) as error:
        console.print(f"[red]the demo stopped:[/red] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started was ended. Run it again at will.")
        return 130
    return 0


def _play(home: Path, scenario: Scenario, console: Console) -> None:
    began = time.monotonic()
    stage = Stage(clean(home), scenario)
    console.print("starting Prefect server, worker, exporter …")
    with stage.open():
        console.print(f"ready after {time.monotonic() - began:.0f} s; Prefect: http://127.0.0.1:{stage.settings.prefect_port}")
        director = Director(stage, scenario, console)
        record = director.play()
    told = incidents(record, scenario)
    _page(stage.place, scenario, record, home / "report.html")
    seconds = round(time.monotonic() - began, 1)
    summary = {
        "seconds": seconds,
        "steps": record.steps,
        "incidents": {name: _as_summary(incident) for name, incident in told.items()},
        "requests": {"asked": record.asked, "failed": record.failed},
    }
    (home / "summary.json").write_text(json.dumps(summary, indent=1))
    _print(console, record, told)
    console.print(f"\n{seconds:.0f} s in all. Look next:")
    console.print(f"  {home / 'report.html'}   plots: forecasts, live loss with every action, the candidates")
    console.print(f"  {home / 'summary.json'}  the same for programs")
    console.print("  make up                     the stack that stays: Prefect UI, MLflow, the endpoint")


def _as_summary(incident: Incident) -> dict[str, object]:
    told = asdict(incident)
    if told["recovery_seconds"] is not None:
        told["recovery_seconds"] = round(told["recovery_seconds"], 2)
    return told


def _print(console: Console, record: Record, told: dict[str, Incident]) -> None:
    table = Table(title="What happened", show_lines=False)
    for heading in ("step", "evidence", "decision", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left", overflow="fold")
    for step in record.steps:
        table.add_row(step["name"], step["evidence"], step["decision"], f"{step['seconds']:.1f}")
    table.add_section()
    for name, incident in told.items():
        recovery = "-" if incident.recovery_seconds is None else f"{incident.recovery_seconds:.1f}"
        table.add_row(name, f"{incident.evidence}; {incident.failed_requests} failed requests", incident.decision, recovery)
    console.print(table)


def _page(place: Installation, scenario: Scenario, record: Record, path: Path) -> None:
    spec = place.usecase.spec
    end = pd.Timestamp(scenario.end).tz_convert("UTC")
    kept = place.predictions.between(place.usecase.name, pd.Timestamp(scenario.train_at), end)
    scored = score(kept, place.history(end).truth(end), spec).dropna(subset=["truth"])
    losses = scored.groupby("origin").agg(loss=("loss", "mean"), version=("version", "first")).reset_index()
    expected = _expected(place, end)
    page = report.Page(
        title=f"Evenkeel: {spec.title}",
        unit=spec.target.unit,
        timezone=spec.timezone,
        scored=scored,
        losses=losses.assign(expected=losses["origin"].map(expected)),
        candidates=pd.DataFrame(_first_candidates(place)),
        steps=record.steps,
        marks=[_mark(action) for action in record.actions]
        + [
            report.Mark(pd.Timestamp(at), f"operator forces version {version}", report.INK)
            for version, at in record.released.items()
        ],
    )
    report.write(page, path)


def _mark(action: dict[str, object]) -> report.Mark:
    return report.Mark(pd.Timestamp(action["at"]), str(action["action"]), report.WARM)  # type: ignore[arg-type]


def _expected(place: Installation, end: pd.Timestamp) -> dict[pd.Timestamp, float]:
    """Origin -> loss that its champion's backtest made one expect, as the monitor saw it."""
    notes = [entry for entry in place.ledger.entries(place.usecase.name) if entry.action == "verdict" and entry.at <= end]
    seen = [Evidence.model_validate(note.evidence["seen"]) for note in notes]
    points = [point for evidence in seen for series in evidence.series for point in series.origins]
    return {pd.Timestamp(point.origin): point.expected_loss for point in points}


def _first_candidates(place: Installation) -> list[dict[str, object]]:
    first = next(entry for entry in place.ledger.entries(place.usecase.name) if entry.phase == "done")
    candidates: list[dict[str, object]] = place.bundle(str(first.to_bundle)).profile["candidates"]
    return candidates


if __name__ == "__main__":
    sys.exit(main())
