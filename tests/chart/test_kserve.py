"""The chart with everything turned on, carried over to KServe."""

import os
from pathlib import Path

import pytest
import yaml

from services.rollout.helm.program import CHART, Helm
from services.rollout.kserve.chart import rendered
from services.rollout.kserve.wire import read, written


def test_rendered__carries_over_the_chart_with_everything_turned_on(helm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(helm).parent), prepend=os.pathsep)
    values = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text())

    found = rendered(Helm("models"), "load", values, ["monitoring.coreos.com/v1"])

    assert set(found.services) == {"stable", "canary", "shadow"}
    for service in found.services.values():
        assert written(read("V1beta1InferenceService", service)) == service
    assert {each["kind"] for each in found.beside} >= {"ServiceAccount", "NetworkPolicy", "ServiceMonitor", "PrometheusRule"}
