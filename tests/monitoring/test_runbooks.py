"""Each alert has a page for the person who is called, and each page an alert."""

import re
from pathlib import Path

import pytest

from model_code.metrics import BY_NAME
from monitoring.rules.ruleset import runbook_names

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "monitoring" / "runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


@pytest.mark.parametrize("name", sorted(set(runbook_names())))
def test_alerts__each_has_a_runbook_with_its_four_sections(name: str) -> None:
    page = RUNBOOKS / f"{name}.md"
    assert page.exists(), f"write {page.relative_to(ROOT)} with the sections {', '.join(SECTIONS)}"
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    for section in re.split(r"^## .+$", text, flags=re.M)[1:]:
        assert len(section.split()) >= 8, f"{name}: a section says nothing"


def test_runbooks__each_belongs_to_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == set(runbook_names())


def test_runbooks__name_only_metrics_and_make_words_that_exist() -> None:
    words = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.M))
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text()
        assert set(re.findall(r"\bevenkeel_[a-z0-9_]+\b", text)) <= BY_NAME.keys(), page.name
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= words, page.name
