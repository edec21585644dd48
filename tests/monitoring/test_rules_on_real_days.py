"""Real days without trouble, from the stores through the exporter to the rules: nothing is missing and nothing alerts."""

import subprocess
from pathlib import Path

import pandas as pd
from prometheus_client import CollectorRegistry

from model_code.installation import Installation
from monitoring import judgement
from monitoring.gauges import GaugeStore
from monitoring.readings import readings
from monitoring.rules.files import RULES, written
from monitoring.rules.promtool import file_of, silent
from monitoring.rules.world import INSTANCES, Series, flat, healthy
from monitoring.rules.world import NOW as RENEWED
from monitoring.stored_metrics import StoredMetrics
from monitoring.yardsticks import level_thresholds, yardsticks
from tests.monitoring.test_evidence import NOW, place  # noqa: F401  # a fixture
from tests.monitoring.watching import require_programs

JOB = "evenkeel-exporter"


def exported(place: Installation) -> list[Series]:  # noqa: F811
    """What the exporter tells after a monitor run, as series of a test; moments go on being renewed."""
    seen = judgement.look(place, pd.Timestamp(NOW))
    gauges = [
        *readings(seen.evidence, NOW),
        *yardsticks(place.usecase.spec, seen.evidence, seen.verdict, level_thresholds(place), NOW),
    ]
    store = GaugeStore(place.sql)
    store.write(place.usecase.name, gauges, NOW)
    store.record_success(place.usecase.name, "monitor", NOW)
    registry = CollectorRegistry()
    registry.register(StoredMetrics(place.sql))
    return [
        Series(
            sample.name,
            {**sample.labels, "job": JOB, "instance": INSTANCES[JOB]},
            RENEWED if "timestamp" in sample.name else flat(sample.value),
        )
        for family in registry.collect()
        for sample in family.samples
    ]


def test_rules__are_silent_on_real_days_without_trouble(place: Installation, tmp_path: Path) -> None:  # noqa: F811
    require_programs()
    others = [series for series in healthy() if series.labels["job"] != JOB or series.metric == "up"]
    tests = tmp_path / "tests.yaml"
    tests.write_text(written(file_of(str(RULES), [silent("on real days", [*exported(place), *others])])))
    tested = subprocess.run(["promtool", "test", "rules", str(tests)], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
