"""In CI, a skipped test is a failed one, unless what it lacks is nothing that a package gives."""

import os
from collections.abc import Generator

import pytest

# Machines that a test may lack. A program or a library is never among them: CI installs what it needs.
ALLOWED = ("no cluster", "no accelerator")


def _strict(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    expected = hasattr(report, "wasxfail") or any(allowed in reason for allowed in ALLOWED)
    if os.environ.get("CI") == "true" and report.skipped and not expected:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure."""
    report = yield
    _strict(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole file into a failure."""
    report = yield
    _strict(report)
    return report
