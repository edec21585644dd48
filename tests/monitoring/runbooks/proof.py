"""Proof by promtool: an alert fires on what broken parts export, and is quiet on what they export once mended."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monitoring.rules.files import RULES, written
from monitoring.rules.world import Series
from tests.conftest import missing
from tests.monitoring.runbooks.scrape import Scrape

MINUTES = 22
LOOKED = 20  # minute at which is looked: later than the longest wait, and than the longest window
Scraped = Scrape | tuple[Scrape, Scrape]  # of one part: alone, or with the scrape before it


def prove(alert: str, broken: Sequence[Scraped], mended: Sequence[Scraped], **labels: str) -> None:
    """Fail unless the alert, with these labels, fires while the parts stay broken, and none of its name is there once they are mended.

    Args:
        alert: Its name in the committed rules.
        broken: What the parts export while it is broken; with the scrape before it, where rates matter.
        mended: The same, after the runbook's mitigation.
        labels: That the alert must carry, among others.
    """
    told = ",".join(f'{name}="{value}"' for name, value in {"alertname": alert, **labels}.items())
    firing = [{"labels": f'{{alertname="{alert}"}}', "value": 1}]
    said = _promtool(
        [
            _test("broken", broken, f'group by (alertname) (ALERTS{{alertstate="firing",{told}}})', firing),
            _test("mended", mended, f'group by (alertname) (ALERTS{{alertname="{alert}"}})', []),
        ]
    )
    assert not said, f"{alert}: {said}"


def _test(name: str, scraped: Sequence[Scraped], expression: str, expected: list[dict[str, Any]]) -> dict[str, Any]:
    series = [each for scrape in scraped for each in _held(scrape)]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each.written, "values": each.values} for each in series],
        "promql_expr_test": [{"expr": expression, "eval_time": f"{LOOKED}m", "exp_samples": expected}],
    }


def _held(scraped: Scraped) -> list[Series]:
    before, latest = scraped if isinstance(scraped, tuple) else (None, scraped)
    return [*latest.held(MINUTES, before)]


def _promtool(tests: list[dict[str, Any]]) -> str:
    """What promtool finds wrong; empty where all is as expected."""
    if not shutil.which("promtool"):
        missing("promtool (apt-get install prometheus)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drill.yaml"
        path.write_text(written({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
        done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
