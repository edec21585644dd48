"""Every panel's queries in a real Prometheus, which scrapes our own exporter, service and bridge: a panel without data fails."""

import itertools
import math
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from model_code import sql
from model_code.ledger import Entry, Ledger
from model_code.metrics import ALERTS, CATALOGUE, Metric
from model_code.metrics.promql import BRIDGE_JOB, EXPORTER_JOB, SERVICE_JOB
from model_code.metrics.thresholds import THRESHOLDS
from monitoring.alert_bridge.incidents import Incidents, Kept
from monitoring.alert_bridge.pager import Pager
from monitoring.alert_bridge.prefect_api import PrefectApi
from monitoring.alert_bridge.sender import Sender
from monitoring.alert_bridge.telemetry import Telemetry as BridgeTelemetry
from monitoring.gauges import Gauge, GaugeStore
from monitoring.grafana.asked import asked, legend
from monitoring.grafana.boards import BOARDS
from monitoring.grafana.dashboard import SERIES, USECASES
from monitoring.grafana.prometheus import OwnPrometheus, PrometheusFailed
from monitoring.stored_metrics import StoredMetrics
from services.forecaster.telemetry import Answered, telemetry
from tests.conftest import missing

pytestmark = pytest.mark.xdist_group("grafana_queries")  # one Prometheus for all of them
USECASE = "grafana_panels"
VALUES = {"series": "VIC", "column": "temperature", "dimension": "hour", "value": "17", "kind": "stuck"}
PATIENCE = 60.0  # seconds until everything must have been scraped
QUERIES = {
    f"{board.name}: {panel.title} / {query.expr}": query for board in BOARDS for panel in board.panels for query in panel.queries
}
Page = Callable[[], bytes]


class Pages:
    """Serves one text for each port, as `/metrics` of the exporter, a service and the bridge."""

    def __init__(self, page: Page) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def fill(engine: sa.Engine) -> None:
    """What flows leave behind: gauges of the whole catalogue, successes and failures, entries of the ledger."""
    now = datetime.now(UTC)
    store = GaugeStore(engine)
    gauges = [gauge for metric in CATALOGUE if metric.source in ("monitor", "report") for gauge in sample(metric)]
    store.write(USECASE, gauges, now)
    store.record_success(USECASE, "monitor", now)
    store.record_failure(USECASE, "retrain", now)
    told = {"usecase": USECASE, "actor": "test", "reason": "shown", "at": now}
    Ledger(engine).append(Entry(phase="done", action="promote", to_version="2", **told))


def sample(metric: Metric) -> list[Gauge]:
    several = {"name": list(THRESHOLDS), "verdict": ["hold", "retrain"]}
    labels = [label for label in metric.labels if label != "usecase"]
    values = itertools.product(*(several.get(label, [VALUES.get(label, "2")]) for label in labels))
    return [Gauge(USECASE, metric.name, 1.0, dict(zip(labels, each, strict=True))) for each in values]


def serve_a_little() -> None:
    """What a model service tells after a few answers."""
    answered, told = Answered(USECASE), telemetry()
    answered.kept(24)
    for status in (200, 200, 503):
        answered.answered("forecast", status, 0.004)
    told.switches.labels(USECASE, "switched").inc()
    told.bundle.labels(USECASE, "2", "sha256").set(1)
    for gauge in (told.ready, told.spool, told.spool_limit, told.spool_age, told.store_down, told.set_aside, told.refusing):
        gauge.labels(USECASE).set(1)


def bridge(engine: sa.Engine) -> Page:
    """A bridge's page after its first alert."""
    sender = Sender(engine, PrefectApi("http://127.0.0.1:9/api"))
    sender.prefect_answers = True
    told = BridgeTelemetry(Incidents(engine), sender, Pager(engine, list), lambda: datetime.now(UTC))
    told.count(Kept(new=1), refused=0)
    return told.page


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPrometheus]:
    """Scrapes each second what our own parts tell, and evaluates the catalogue's alerts."""
    if shutil.which("prometheus") is None:
        missing("Prometheus (apt-get install prometheus)")
    folder = tmp_path_factory.mktemp("grafana")
    engine = sql.engine(f"sqlite:///{folder / 'evenkeel.db'}")
    fill(engine)
    serve_a_little()
    exporter = CollectorRegistry()
    exporter.register(StoredMetrics(engine))
    parts = {
        EXPORTER_JOB: Pages(lambda: generate_latest(exporter)),
        SERVICE_JOB: Pages(lambda: generate_latest(REGISTRY)),
        BRIDGE_JOB: Pages(bridge(engine)),
    }
    rules = folder / "rules.yml"
    alerts = [
        {"alert": alert.name, "expr": alert.expression, "labels": {"severity": alert.severity}} for alert in ALERTS.values()
    ]
    rules.write_text(yaml.safe_dump({"groups": [{"name": "catalogue", "rules": alerts}]}))
    try:
        with OwnPrometheus(folder / "prometheus", {job: part.target for job, part in parts.items()}, rules=[rules]) as running:
            wait_for_samples(running)
            yield running
    finally:
        for part in parts.values():
            part.close()
        engine.dispose()


def wait_for_samples(prometheus: OwnPrometheus) -> None:
    """Every part was scraped, and some alert was evaluated since."""
    deadline = time.monotonic() + PATIENCE
    while len(prometheus.now("up == 1")) < 3 or not prometheus.now("ALERTS"):
        assert time.monotonic() < deadline, "nothing is scraped"
        time.sleep(0.2)


def without_data(prometheus: OwnPrometheus, questions: Mapping[str, str]) -> set[str]:
    """Names of the questions that get no finite value now, nor over the last seconds."""
    now = datetime.now(UTC)
    empty = set()
    for name, question in questions.items():
        found = [*prometheus.now(question), *prometheus.over(question, now - timedelta(seconds=5), now, timedelta(seconds=1))]
        if not any(math.isfinite(value) for series in found for _, value in series.points):
            empty.add(name)
    return empty


def test_panels__every_query_has_data_in_a_real_prometheus(prometheus: OwnPrometheus) -> None:
    questions = {name: asked(query, USECASE, interval="5s") for name, query in QUERIES.items()}
    empty, deadline = set(questions), time.monotonic() + PATIENCE
    while empty and time.monotonic() < deadline:
        serve_a_little()
        empty = without_data(prometheus, {name: questions[name] for name in empty})
        time.sleep(0.2)
    assert empty == set(), "panels without data"


def test_panels__legends_name_labels_that_the_answers_have(prometheus: OwnPrometheus) -> None:
    for question, query in QUERIES.items():
        for series in prometheus.now(asked(query, USECASE, interval="1m")):
            assert "{{" not in legend(query, series.labels), question


def test_variables__offer_what_prometheus_knows(prometheus: OwnPrometheus) -> None:
    offered = {}
    for name, query in (("usecase", USECASES), ("series", SERIES)):
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert found, query
        offered[name] = prometheus.values(found[2], found[1].replace("$usecase", USECASE))
    assert USECASE in offered["usecase"]
    assert offered["series"] == [VALUES["series"]]


def test_panels__another_use_case_shows_nothing(prometheus: OwnPrometheus) -> None:
    ours = {name: query for name, query in QUERIES.items() if "$usecase" in query.expr and "ALERTS" not in query.expr}
    assert ours
    shown = [name for name, query in ours.items() if prometheus.now(asked(query, "nobody", interval="5s"))]
    assert shown == []


def test_alert_rules__condition_holds_exactly_where_the_alert_does(prometheus: OwnPrometheus) -> None:
    groups = yaml.safe_load((Path(__file__).parents[2] / "monitoring/grafana/provisioning/alerting/evenkeel.yaml").read_text())
    rules = [rule for group in groups["groups"] for rule in group["rules"]]
    deadline = time.monotonic() + PATIENCE
    while (fired := count_held(prometheus, rules)) < 5 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert fired >= 5, "the samples are to set some of them off"


def count_held(prometheus: OwnPrometheus, rules: list[dict[str, Any]]) -> int:
    """How many rules hold now; each must hold exactly where its value is there."""
    fired = 0
    for rule in rules:
        value, condition = (data["model"]["expr"] for data in rule["data"][:2])
        moment = datetime.now(UTC)
        wrong = {tuple(sorted(series.labels.items())) for series in prometheus.now(value, moment)}
        holds = {tuple(sorted(series.labels.items())): series.points[0][1] for series in prometheus.now(condition, moment)}
        assert set(holds) == wrong, rule["title"]
        assert set(holds.values()) <= {1.0}, rule["title"]
        fired += bool(wrong)
    return fired


def test_own_prometheus__a_wrong_question_is_told(prometheus: OwnPrometheus) -> None:
    with pytest.raises(PrometheusFailed, match="parse error"):
        prometheus.now("rate(")


def test_own_prometheus__that_does_not_start_tells_the_end_of_its_log(prometheus: OwnPrometheus, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("groups: [{name: a, rules: [{alert: A, expr: 'rate('}]}]")
    with pytest.raises(PrometheusFailed, match="did not start"), OwnPrometheus(tmp_path / "data", rules=[wrong]):
        pass
