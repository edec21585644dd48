"""Each alert has a page for the person who is called, and each page an alert."""

import re
from pathlib import Path

import pytest
import yaml

from model_code.metrics import BY_NAME
from monitoring.rules.ruleset import runbook_names

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "monitoring" / "runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
# What a page says for one machine -> what it then says for a cluster too, in words to paste.
BESIDE = {
    r"`make (up|down|status)\b": r"`(kubectl|helm) ",
    r"`\.evenkeel/logs/": r"`kubectl [^`]*\blogs ",
    r"`make ledger": r"`kubectl [^`]* exec [^`]*-- python -m model_code\.ledger ",
    r"`make automations`": r"`helm [^`]*\bupgrade`",
    r"`make (reproduce|aside|refresh)\b": r"docs/kubernetes\.md|`refresh/kubernetes`",
}


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


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_runbooks__name_no_environment_alone(page: Path) -> None:
    assert alone(page.read_text()) == []


@pytest.mark.parametrize(
    "said",
    [
        "start `rollback/local`",
        "start `rollback/kubernetes`",
        "`make up` starts it",
        "`make ledger` tells",
        "read `.evenkeel/logs/x`",
    ],
)
def test_alone__finds_what_is_said_for_one_environment(said: str) -> None:
    assert alone(said)


def test_runbooks__name_only_flows_that_both_environments_have() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    there = {f"{each['entrypoint'].rpartition(':')[2]}/{each['name']}" for each in deployments}
    for page in RUNBOOKS.glob("*.md"):
        assert set(re.findall(r"`(\w+/(?:local|kubernetes))`", page.read_text())) <= there, page.name


def alone(text: str) -> list[str]:
    """What a page says to people of one environment alone."""
    flows = {where: set(re.findall(rf"`(\w+)/{where}`", text)) for where in ("local", "kubernetes")}
    found = [f"{flow}: in one environment" for flow in sorted(flows["local"] ^ flows["kubernetes"])]
    return found + [here for here, there in BESIDE.items() if re.search(here, text) and not re.search(there, text)]
