"""The README of a chart follows from its values."""

import pytest

from services.build.chart_readme import readme, values_of
from tests.chart.rendering import HELM

CHARTS = sorted(path.parent.name for path in HELM.glob("*/Chart.yaml"))


@pytest.mark.parametrize("chart", CHARTS)
def test_readme__is_up_to_date(chart: str) -> None:
    assert (HELM / chart / "README.md").read_text() == readme(HELM / chart), (
        f"run python -m services.build.chart_readme helm/{chart}"
    )


@pytest.mark.parametrize("chart", CHARTS)
def test_readme__tells_what_every_value_means(chart: str) -> None:
    values = values_of((HELM / chart / "values.yaml").read_text())

    assert [path for path, default, said in values if default and not said] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# About.\n\nkey: 1\n", ("key", "1", "")),
        ("# Above.\nkey: a  # Beside.\n", ("key", "a", "Above. Beside.")),
        ("# One\n# two.\nkey: {}\n", ("key", "{}", "One two.")),
        ('key: ""  # Empty: none.\n', ("key", '""', "Empty: none.")),
        ("key: [/a, b]\n", ("key", "[/a, b]", "")),
        ("key: a#b\n", ("key", "a#b", "")),
    ],
)
def test_values_of__reads_a_key_with_what_is_said_of_it(text: str, found: tuple[str, str, str]) -> None:
    assert list(values_of(text)) == [found]


def test_values_of__follows_sections() -> None:
    found = [path for path, _, _ in values_of("a:\n  b:\n    c: 1\n  d: 2\ne: 3\n")]

    assert found == ["a.b.c", "a.d", "e"]
