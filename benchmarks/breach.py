"""Seconds from a breach in the gauges to the finished rollback: Prometheus, Alertmanager, bridge, Prefect, worker, real data.

The champion is a bad release. At time zero its bad answers are known and the gauges of a monitor run show them; that run
itself is taken to have died, so that the alert has to do it all. Each round has a stack and a home of its own. With
`--worker plain` the long-lived runner is ended first, so that each run is a process that imports everything anew.
Exits with 1 where the median is over the goal; `--quick` plays one round and keeps nothing.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pandas as pd

from benchmarks import breach_page
from benchmarks.breach_page import PLAIN, WARM, WORKERS
from benchmarks.goals import exit_code
from flows.demo.operator import Extract
from flows.demo.scenario import USECASE
from flows.drill.answers import forecast_due
from flows.drill.opening import refresh_all
from flows.monitor import told
from flows.stack.daemon import Daemon
from flows.stack.local import LocalStack
from model_code.challenger import bundle_of, evaluate, register
from model_code.contest import judge
from model_code.data.known import KnownHistory
from model_code.installation import Installation
from model_code.settings import Settings
from model_code.specification import Candidate
from monitoring import judgement
from monitoring.alert_bridge.incidents import Incidents
from monitoring.gauges import GaugeStore

RESULT = Path(__file__).parent / "results" / "breach.json"
PARTS = ("prefect", "zygote", "worker", "exporter", "bridge", "alertmanager", "prometheus")
PORTS = ("service_port", "prefect_port", "exporter_port", "mlflow_port", "bridge_port", "prometheus_port", "alertmanager_port")
ALERT = "EvenkeelLossRatioBreach"
STAGES = ("scraped", "alert fires", "webhook kept", "event sent", "run created", "run started", "rollback done", "run finished")
PATIENCE = 180.0
DECIDES = ("flows", "monitoring", "model_code", "services", "prefect.yaml", "benchmarks/breach.py")


def free_ports() -> dict[str, int]:
    """A free TCP port for each part."""
    sockets = [socket.socket() for _ in PORTS]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: int(each.getsockname()[1]) for name, each in zip(PORTS, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports


def until(ask: Callable[[], Any], what: str, poll: float = 0.02) -> Any:
    """What `ask` answers as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come within {PATIENCE:.0f} s")
        time.sleep(poll)
    return answer


def release(place: Installation, history: KnownHistory, candidate: Candidate, now: pd.Timestamp) -> None:
    """As an operator forces it."""
    seed, champion = place.usecase.spec.seed, place.registry.version_of(USECASE, "champion")
    evaluated = evaluate(place.usecase, history, now, [candidate], seed=seed)
    version = register(place, bundle_of(place, history, now, evaluated, seed=seed), evaluated)
    verdict = judge(place, now, champion, version)
    place.promoter.promote(USECASE, version, "operator", "wanted today", {}, now.to_pydatetime(), verdict=verdict, force=True)


def badly_released(home: Path) -> None:
    """A home whose champion was trained on targets half as large again; nothing was asked of it yet."""
    place = Installation.open(USECASE, Settings(home=home))
    present = place.present(None)
    refresh_all(place, present.to_pydatetime())
    first, second = present - timedelta(days=8), present - timedelta(days=6)
    ridge = Candidate(family="ridge", parameters={"alpha": 300.0})
    release(place, place.history(first), ridge, first)
    extract = Extract.load(place.usecase, place.store, second)
    extract.scale = 1.5
    release(place, extract, ridge, second)
    place.sql.dispose()


@contextmanager
def running(started: Path, home: Path, scrape: float, worker: str) -> Iterator[Installation]:
    """A copy of that home with the whole stack; for a plain worker without the long-lived runner."""
    shutil.copytree(started, home)
    settings = Settings(home=home, usecase=USECASE, scrape_seconds=scrape, **free_ports())
    stack = LocalStack(settings)
    try:
        stack.up(PARTS)
        if worker == PLAIN:
            Daemon("zygote", run=home.resolve() / "run", logs=home.resolve() / "logs").stop()
        yield Installation.open(USECASE, settings)
    finally:
        stack.down()


def breach(place: Installation) -> datetime:
    """Let the bad answers be known, and the gauges show them; the moment at which they stand there."""
    now = place.present(None)
    forecast_due(place, now, (now - timedelta(days=6)).to_pydatetime())
    seen = judgement.look(place, now)
    if seen.verdict.action != "rollback":
        raise SystemExit(f"the state asks for {seen.verdict.action}: {seen.verdict.reasons}")
    gauges = told(place, seen, now.to_pydatetime())
    at = datetime.now(UTC)
    GaugeStore(place.sql).write(USECASE, gauges, at)
    return at


def quiet(place: Installation) -> None:
    """Until what Prometheus says of an installation that only just started has been looked at."""
    prometheus = f"http://{place.settings.host}:{place.settings.prometheus_port}"
    until(lambda: query(prometheus, "up{job=~'.*exporter.*'} == 1"), "the first scrape", 0.2)
    calm = 0
    while calm < 30:
        calm = calm + 1 if not Incidents(place.sql).all(waiting=True) else 0
        time.sleep(0.1)


def query(prometheus: str, text: str) -> list[Any]:
    """Result of an instant query."""
    answer = httpx.get(f"{prometheus}/api/v1/query?{urlencode({'query': text})}").json()
    found: list[Any] = answer["data"]["result"]
    return found


def measure(place: Installation) -> dict[str, float]:
    """Seconds after the breach at which each stage was reached."""
    settings, incidents = place.settings, Incidents(place.sql)
    prometheus = f"http://{settings.host}:{settings.prometheus_port}"
    quiet(place)
    pointer = place.pointers.get(USECASE)
    zero = breach(place)
    reached = {}
    until(lambda: query(prometheus, f"evenkeel_loss_ratio{{usecase='{USECASE}'}}"), "the scrape")
    reached["scraped"] = datetime.now(UTC)
    until(lambda: place.pointers.get(USECASE) != pointer, "the rollback")
    reached["rollback done"] = datetime.now(UTC)
    fired = until(lambda: [each for each in incidents.all() if each.alertname == ALERT and each.looked_at], "the look")
    reached |= {"alert fires": fired[0].starts_at, "webhook kept": fired[0].received_at, "event sent": fired[0].sent_at}
    run = until(lambda: acting_run(settings, zero), "the run's end", 0.1)
    for stage, name in {"run created": "created", "run started": "start_time", "run finished": "end_time"}.items():
        reached[stage] = datetime.fromisoformat(run[name].replace("Z", "+00:00"))
    (done,) = [entry for entry in place.ledger.entries(USECASE) if entry.action == "rollback" and entry.phase == "done"]
    print(f"rolled back by {done.actor}, {done.from_version} to {done.to_version}; {len(incidents.all())} incidents")
    return {stage: (reached[stage] - zero).total_seconds() for stage in STAGES}


def acting_run(settings: Settings, since: datetime) -> dict[str, Any] | None:
    """The first run of `act` after that moment, once it has ended."""
    api = f"http://{settings.host}:{settings.prefect_port}/api"
    wanted = {"flows": {"name": {"any_": ["act"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
    runs = httpx.post(f"{api}/flow_runs/filter", json=wanted).json()
    after = [run for run in runs if datetime.fromisoformat(run["created"].replace("Z", "+00:00")) >= since]
    return after[0] if after and after[0]["end_time"] else None


def table(rounds: list[dict[str, float]]) -> str:
    """Median, least and most of each stage, and what it took by itself."""
    lines = ["| stage | after the breach, s | of it, s | from – to, s |", "|---|---|---|---|"]
    before = 0.0
    for stage in STAGES:
        values = [each[stage] for each in rounds]
        median = statistics.median(values)
        lines.append(f"| {stage} | {median:.1f} | {median - before:.1f} | {min(values):.1f} – {max(values):.1f} |")
        before = median
    return "\n".join(lines)


def keep(worker: str, scrape: float, rounds: list[dict[str, float]]) -> None:
    """Into the results, beside those of other workers and scrape intervals (seconds), and into the README."""
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    told = {"day": date.today().isoformat(), "commit": commit(), "load": os.getloadavg()[0], "rounds": rounds}
    found[breach_page.name_of(worker, scrape)] = told
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    breach_page.into_readme(found)


def commit() -> str:
    """Of the code that is measured, with a `+` where it was changed since."""
    head, changed = (
        subprocess.run(["git", *asked], capture_output=True, text=True, check=True, cwd=breach_page.ROOT).stdout.strip()
        for asked in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--", *DECIDES])
    )
    return f"{head}+" if changed else head


def played(count: int, scrape: float, worker: str) -> list[dict[str, float]]:
    """So many rounds, each told as it ends."""
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="breach-") as folder:
        badly_released(Path(folder) / "started")
        for number in range(count):
            with running(Path(folder) / "started", Path(folder) / f"round{number}", scrape, worker) as place:
                rounds.append(measure(place))
                place.sql.dispose()
            print(json.dumps(rounds[-1]), flush=True)
    return rounds


def main() -> int:
    """Play, print, keep; 1 over the goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breach", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scrape", type=float, default=1.0, help="seconds between two scrapes")
    parser.add_argument("--worker", choices=sorted(WORKERS), default=WARM, help="what the worker runs a flow by")
    parser.add_argument("--quick", action="store_true", help="one round, nothing kept: whether it runs")
    options = parser.parse_args()
    rounds = played(1 if options.quick else options.rounds, options.scrape, options.worker)
    print(table(rounds))
    if not options.quick:
        keep(options.worker, options.scrape, rounds)
    goal = breach_page.goal(options.worker, options.scrape, rounds)
    print(f"rollback done after {breach_page.median(rounds):.1f} s (median)")
    return exit_code([] if goal is None else [goal])


if __name__ == "__main__":
    sys.exit(main())
