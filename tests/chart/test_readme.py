"""The README of a chart follows from its values."""

import pytest

from tests.chart.readme import page_of, values_of
from tests.chart.test_model_service import CHART


def test_readme__is_up_to_date() -> None:
    told = f"run `python -m tests.chart.readme helm/{CHART.name}`"
    assert (CHART / "README.md").read_text(encoding="utf-8") == page_of(CHART), told


def test_readme__tells_what_every_value_means() -> None:
    values = list(values_of((CHART / "values.yaml").read_text(encoding="utf-8")))

    assert [value.path for value in values if value.default and not value.remark] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# About.\n\nkey: 1\n", ("key", "1", "")),
        ("# Above.\nkey: a  # Beside.\n", ("key", "a", "Beside.")),
        ("# One\n# two.\nkey: {}\n", ("key", "{}", "One two.")),
        ('key: ""  # Empty: none.\n', ("key", "''", "Empty: none.")),
        ("key: [/a, b]\n", ("key", "[/a, b]", "")),
    ],
)
def test_values_of__reads_a_key_with_its_remark(text: str, found: tuple[str, str, str]) -> None:
    [value] = values_of(text)

    assert (value.path, value.default, value.remark) == found


def test_values_of__follows_sections() -> None:
    paths = [value.path for value in values_of("a:\n  b:\n    c: 1\n  d: 2\ne: 3\n")]

    assert paths == ["a", "a.b", "a.b.c", "a.d", "e"]
