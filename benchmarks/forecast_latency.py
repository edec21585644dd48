"""`POST /forecast` with features read from the store: milliseconds over HTTP, and where they go.

Run: `make bench-forecast-latency` (or `python -m benchmarks.forecast_latency --quick`). A real service process answers
one client on one connection: Victoria's 24 hours (one entity, 48 half hours), four zones of California and fifty of
them (24 hours each), asked for another origin each time, for the same one again, and after new rows each time.
"""

import argparse
import http.client
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import yaml

from benchmarks.backtest import history_of
from benchmarks.goals import Goal, exit_code
from benchmarks.marked import within
from model_code.bundle import BundleContents
from model_code.bundle.inputs import Inputs
from model_code.calibration import Calibration
from model_code.cases import Cases, build_cases, build_features, origins_of_history
from model_code.installation import Installation
from model_code.models import make_model
from model_code.origins import target_rows
from model_code.settings import Settings
from services.forecaster.forecasts import Forecasts
from services.forecaster.messages import ForecastRequest
from services.forecaster.observations import Observations
from services.forecaster.watcher import Serving
from services.keeping.opening import open_keeper
from services.rollout.local.service import LocalService

RESULTS = Path(__file__).parent / "results"
CALIFORNIA = Path(__file__).parents[1] / "model_code" / "usecases" / "demand_us"
FIRST, DAYS = pd.Timestamp("2024-01-01", tz="UTC"), 120
NOW = pd.Timestamp("2014-11-10T02:00:00+10:00").tz_convert("UTC")
TREES, DEPTH = 400, 6
QUESTIONS = ("another origin each time", "the same origin", "new rows before each")
HEAD = (
    "`/forecast`",
    "values",
    *(f"{question}: p50, p99, ms" for question in QUESTIONS),
    "CPU, ms",
    "where the p50 of the first goes, ms",
)
GOAL_P50_MS, GOAL_P99_MS = 10.0, 30.0


@dataclass
class World:
    """A use case with its tables and a bundle that the pointer wants."""

    name: str
    place: Installation
    origins: list[pd.Timestamp]
    serving: Serving


def victoria(folder: Path, port: int) -> World:
    """The embedded data set, as the demo has it."""
    history_of(folder)
    return _promoted(Installation.open("demand_victoria", Settings(home=folder, service_port=port)), NOW)


def zones(folder: Path, port: int, count: int) -> World:
    """The Californian use case with so many zones and made-up rows, a fifth of them revised."""
    names = [f"Z{number:02}" for number in range(count)]
    plain = yaml.safe_load((CALIFORNIA / "usecase.yaml").read_text())
    plain |= {"name": f"zones_{count}", "entities": names, "present": (FIRST + pd.Timedelta(days=DAYS)).isoformat()}
    plain["feeds"]["demand"]["source"]["codes"] = {name: f"CISO/{name}" for name in names}
    plain["feeds"]["weather"]["source"]["points"] = {name: [37.0, -120.0] for name in names}
    usecase = folder / "usecases" / plain["name"]
    usecase.mkdir(parents=True)
    (usecase / "usecase.yaml").write_text(yaml.safe_dump(plain))
    (usecase / "features.py").write_bytes((CALIFORNIA / "features.py").read_bytes())
    settings = Settings(home=folder / "home", usecase_path=str(usecase.parent), service_port=port)
    place = Installation.open(plain["name"], settings)
    for feed, column, late in (("demand", "demand", 2), ("weather", "temperature", -36)):
        place.store.append(plain["name"], feed, _rows(names, column, pd.Timedelta(hours=late)))
    return _promoted(place, FIRST + pd.Timedelta(days=DAYS))


def _rows(names: list[str], column: str, late: pd.Timedelta) -> pd.DataFrame:
    chance, hours = np.random.default_rng(len(names)), pd.date_range(FIRST, periods=24 * DAYS, freq="h")
    waves = 20 + 5 * np.sin(np.arange(len(hours)) * 2 * np.pi / 24)
    parts = []
    for name in names:
        plain = pd.DataFrame(
            {"entity": name, "time": hours, "known_at": hours + late, column: waves + chance.normal(0, 1, len(hours))}
        )
        again = plain.sample(frac=0.2, random_state=1)
        parts += [plain, again.assign(known_at=again["known_at"] + pd.Timedelta(days=2), **{column: again[column] + 0.1})]
    return pd.concat(parts, ignore_index=True).astype({"time": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})


def _promoted(place: Installation, now: pd.Timestamp) -> World:
    """A bundle trained on at most 60 origins, and the pointer moved to it."""
    history, spec = place.history(now), place.usecase.spec
    origins = [origin for origin in origins_of_history(place.usecase, history, now) if origin < now - pd.Timedelta(days=1)]
    cases = build_cases(place.usecase, history, origins[-60:])
    truth = cases.truth(history.truth(now))
    cases, truth = cases.where(~np.isnan(truth)), truth[~np.isnan(truth)]
    parameters = {"n_estimators": TREES, "max_depth": DEPTH}
    model = make_model("xgboost", parameters, baseline=spec.baseline, seed=1)
    model.fit(cases.features, truth, None)
    ref = place.bundles.write(_contents(place, model, cases, truth, now))
    place.pointers.move(place.usecase.name, ref.hash, None)
    return World(place.usecase.name, place, origins, Serving(place.bundle(ref.hash), "1", now))


def _contents(place: Installation, model: Any, cases: Cases, truth: np.ndarray, now: pd.Timestamp) -> BundleContents:
    value, steps = model.predict(cases.features), cases.rows["step"].to_numpy()
    return BundleContents(
        usecase=place.usecase,
        model=model,
        feature_columns=list(cases.features.columns),
        calibration=Calibration.fit(place.usecase.spec.interval, steps, truth - value, value),
        profile={},
        lineage=place.lineage(),
        trained_until=now,
        seed=1,
        golden_features=cases.features.head(8),
        golden_lead=steps[:8],
        inputs=Inputs.of(cases.features),
        training_parameters={"family": "xgboost"},
    )


class Client:
    """One connection to the service; its bodies are made beforehand and its answers only read."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)

    def ask(self, body: bytes) -> float:
        """Milliseconds from sending a request to having its whole answer."""
        began = time.perf_counter()
        self._connection.request("POST", "/forecast", body, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        spent = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {content.decode()[:500]}")
        return spent


@contextmanager
def service(world: World) -> Iterator[tuple[Client, psutil.Process]]:
    """The world's service, while inside."""
    target = LocalService(world.place.settings)
    status = target.deploy(world.place.usecase)
    assert status.pid is not None
    try:
        yield Client(target.url), psutil.Process(status.pid)
    finally:
        target.stop()


def over_http(world: World, requests: int) -> dict[str, Any]:
    """Latencies of one client, the service's processor time for each answer, and its memory."""
    with service(world) as (client, process):
        idle = _megabytes(process)
        first = client.ask(_body(world.origins[-1]))
        for origin in world.origins:  # the tables are in memory back to the first of these from here on
            client.ask(_body(origin))
        result = {
            QUESTIONS[0]: _measured(client, process, world, requests, lambda n: world.origins[n % len(world.origins)]),
            QUESTIONS[1]: _measured(client, process, world, requests, lambda _: world.origins[-1]),
            QUESTIONS[2]: _measured(client, process, world, requests // 10, lambda n: _appended(world, n)),
        }
        return {"first_ms": round(first, 1), "idle_mb": idle, "after_mb": _megabytes(process), "questions": result}


def _measured(
    client: Client, process: psutil.Process, world: World, requests: int, origin: Callable[[int], pd.Timestamp]
) -> dict[str, float]:
    spent, used = [], _cpu(process)
    for number in range(requests):
        body = _body(origin(number))
        spent.append(client.ask(body))
    used = _cpu(process) - used
    ordered = sorted(spent)
    return {
        "p50_ms": round(statistics.median(spent), 2),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
        "cpu_ms": round(1000 * used / requests, 2),
        "requests": requests,
    }


def _appended(world: World, number: int) -> pd.Timestamp:
    """A row more in the target's table; the latest origin."""
    spec, origin = world.place.usecase.spec, world.origins[-1]
    time_, entity = origin - pd.Timedelta(days=1), (spec.entities or ("",))[0]
    known_at = origin - pd.Timedelta(hours=1) + pd.Timedelta(seconds=number)
    row = pd.DataFrame({"entity": [entity], "time": [time_], "known_at": [known_at], spec.target.column: [20.0 + number]})
    row = row.astype({"time": "datetime64[us, UTC]", "known_at": "datetime64[us, UTC]"})
    world.place.store.append(world.name, spec.target.feed, row)
    return origin


def _body(origin: pd.Timestamp) -> bytes:
    return json.dumps({"origin": origin.isoformat()}).encode()


def _cpu(process: psutil.Process) -> float:
    """Seconds of the service itself; the mover brings predictions to the store in its own time."""
    times = process.cpu_times()
    return times.user + times.system


def _megabytes(process: psutil.Process) -> int:
    return round(process.memory_full_info().uss / 1e6)


def shares(world: World, rounds: int) -> dict[str, float]:
    """Median milliseconds of each part of an answer, for another origin each time, in this process."""
    place, bundle, spec = world.place, world.serving.bundle, world.place.usecase.spec
    observations = Observations(place.store, 1.0)
    keeper = open_keeper(place.settings, world.name)
    forecasts = Forecasts(place, keeper, lambda: world.serving.since.to_pydatetime())  # type: ignore[attr-defined]
    parts: dict[str, list[float]] = {"reading": [], "features": [], "model": [], "whole answer": []}
    for number in range(len(world.origins) + rounds):
        origin = world.origins[number % len(world.origins)]
        at = [time.perf_counter()]
        known = observations.known(spec, origin)
        at.append(time.perf_counter())
        rows = target_rows(spec, origin, spec.entities or ())
        features = build_features(bundle.usecase, known, origin, rows)
        at.append(time.perf_counter())
        bundle.predict(features, rows["step"].to_numpy())
        at.append(time.perf_counter())
        forecasts.answer(ForecastRequest(origin=origin.to_pydatetime()), f"bench-{number}", world.serving).model_dump_json()
        at.append(time.perf_counter())
        for name, spent in zip(parts, np.diff(at), strict=True):
            parts[name].append(1000 * spent)
    keeper.close()
    told = {name: statistics.median(spent[len(world.origins) :]) for name, spent in parts.items()}
    whole = told.pop("whole answer")
    return {name: round(spent, 3) for name, spent in {**told, "keeping, answer": whole - sum(told.values())}.items()}


def measured(world: World, requests: int) -> dict[str, Any]:
    """Everything about one world; prints it."""
    http_, parts = over_http(world, requests), shares(world, requests)
    spec = world.place.usecase.spec
    print(f"\n{world.name}: {len(spec.entities or ())} x {spec.horizon.steps} values, {TREES} trees")
    for question, told in http_["questions"].items():
        print(f"  {question:26} p50 {told['p50_ms']:7.2f} ms   p99 {told['p99_ms']:7.2f} ms   CPU {told['cpu_ms']:6.2f} ms")
    whole = http_["questions"][QUESTIONS[0]]["p50_ms"]
    parts = parts | {"HTTP, framework": round(max(0.0, whole - sum(parts.values())), 3)}
    print("  " + ", ".join(f"{name} {spent:.2f} ms ({spent / whole:.0%})" for name, spent in parts.items()))
    print(f"  first answer {http_['first_ms']} ms; memory {http_['idle_mb']} MB idle, {http_['after_mb']} MB after")
    return {"usecase": world.name, "entities": len(spec.entities or ()), "steps": spec.horizon.steps, **http_, "parts_ms": parts}


def section(told: dict[str, Any]) -> str:
    """Markdown: each use case's latencies and shares, and whether 24 hours of one zone keep what is promised."""
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for world in told["forecasts"]:
        other, same, fresh = (world["questions"][name] for name in QUESTIONS)
        parts = ", ".join(f"{name} {spent:.1f} ({spent / other['p50_ms']:.0%})" for name, spent in world["parts_ms"].items())
        row = [f"`{world['usecase']}`", f"{world['entities']} × {world['steps']}"]
        row += [f"{question['p50_ms']:.1f}, {question['p99_ms']:.1f}" for question in (other, same, fresh)]
        lines.append(f"| {' | '.join([*row, str(other['cpu_ms']), parts])} |")
    p50, p99 = promised = goals(told["forecasts"])
    kept = "kept" if all(goal.met for goal in promised) else "**missed**"
    bounds = f"p50 ≤ {p50.bound:g} ms, p99 ≤ {p99.bound:g} ms"
    return "\n".join(
        [
            *lines,
            "",
            f"Promise: 24 hours (the first row, the tables unchanged) in {bounds}: {p50.value:.1f} and {p99.value:.1f}, {kept}.",
        ]
    )


def goals(forecasts: Sequence[dict[str, Any]]) -> tuple[Goal, Goal]:
    """What 24 hours of one zone, the first of the use cases, are to keep."""
    found = forecasts[0]["questions"][QUESTIONS[0]]
    return Goal("p50 of 24 hours, ms", found["p50_ms"], GOAL_P50_MS), Goal("p99 of 24 hours, ms", found["p99_ms"], GOAL_P99_MS)


def main() -> int:
    """Measure, print, keep; 1 where the promise is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast_latency", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests, nothing kept")
    parser.add_argument("--port", type=int, default=21500)
    given = parser.parse_args()
    requests = 100 if given.quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        worlds = (
            lambda: victoria(root / "victoria", given.port),
            lambda: zones(root / "four", given.port + 1, 4),
            lambda: zones(root / "fifty", given.port + 2, 50),
        )
        found = [measured(make(), count) for make, count in zip(worlds, (requests, requests, requests // 5), strict=True)]
    if not given.quick:
        RESULTS.mkdir(exist_ok=True)
        told = {"forecasts": found, "cpu": platform.processor() or platform.machine()}
        (RESULTS / "forecast_latency.json").write_text(json.dumps(told, indent=2) + "\n")
        readme = Path(__file__).parent.parent / "README.md"
        readme.write_text(within(readme.read_text(), "forecasts", section(told)))
    return exit_code(goals(found))


if __name__ == "__main__":
    sys.exit(main())
