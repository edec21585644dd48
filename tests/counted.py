"""How many requests were made up from the service's document, told at the end of a run, whichever process sent them."""

import pytest

MADE_UP = "requests made up"  # a test's property


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests recorded."""
    reports = [report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    counts = [
        int(str(value))
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == MADE_UP
    ]
    if counts:
        terminalreporter.write_line(f"{sum(counts)} requests were made up from /docs.json and sent, in {len(counts)} tests")
