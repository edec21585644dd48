"""The catalogue of metrics is consistent, and its page is up to date."""

import re
from pathlib import Path

import pytest

from model_code.metrics import CATALOGUE, Metric, as_markdown
from model_code.metrics.labels import LABELS
from model_code.metrics.service import METRICS
from model_code.metrics.thresholds import THRESHOLDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"


def test_catalogue__page_is_up_to_date() -> None:
    assert PAGE.read_text() == as_markdown(), "run: python -m model_code.metrics > docs/metrics.md"


def test_catalogue__each_name_stands_once() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_catalogue__follows_the_naming_of_prometheus(metric: Metric) -> None:
    assert re.fullmatch(r"evenkeel_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert ("_seconds" in metric.name) == metric.unit.startswith("seconds")
    assert metric.help.endswith(".")
    assert metric.source in ("exporter", "bridge") or metric.labels[0] == "usecase"
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert sorted(metric.buckets) == list(metric.buckets)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_catalogue__labels_are_bounded(metric: Metric) -> None:
    assert set(metric.labels) <= set(LABELS)
    for label in metric.labels:
        assert 1 <= LABELS[label].most <= 200
        assert len(LABELS[label].values) <= LABELS[label].most


def test_service__builds_every_metric_that_the_catalogue_gives_it() -> None:
    source = (ROOT / "services" / "forecaster" / "telemetry.py").read_text()
    built = re.findall(r"= _(counter|gauge|histogram)\(\"(\w+)\"", source)
    assert sorted(built) == sorted((metric.kind, metric.name.removeprefix("evenkeel_service_")) for metric in METRICS)


def test_thresholds__names_fit_the_label() -> None:
    assert len(THRESHOLDS) <= LABELS["name"].most
