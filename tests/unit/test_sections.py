"""What generators write into README and docs is what they make of the committed results: neither changes without the other."""

import re

import pytest

from benchmarks.marked import section_of, within
from benchmarks.sections import ELSEWHERE, ROOT, SECTIONS

HELP = "run: python -m benchmarks.sections"
GENERATED = [(page, marker) for page, sections in SECTIONS.items() for marker in sections]


@pytest.mark.parametrize(("page", "marker"), GENERATED, ids=" ".join)
def test_sections__are_what_the_results_make_of_them(page: str, marker: str) -> None:
    stands, made = section_of((ROOT / page).read_text(), marker), SECTIONS[page][marker]()
    if stands != made:
        lines = [f"- {line}" for line in stands.splitlines() if line not in made.splitlines()]
        lines += [f"+ {line}" for line in made.splitlines() if line not in stands.splitlines()]
        pytest.fail("\n".join([f"{page}, {marker}: {HELP}", *lines]), pytrace=False)


def test_sections__every_marker_has_somebody_who_keeps_it() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {(str(page.relative_to(ROOT)), name) for page in pages for name in re.findall(r"<!-- /(\w+) -->", page.read_text())}

    assert {(page, name) for page, name in found if name not in ELSEWHERE} == set(GENERATED)


def test_within__changes_what_is_between_the_markers_alone() -> None:
    page = "a\n<!-- b -->\nold\n<!-- /b -->\nc\n"

    assert within(page, "b", "new") == "a\n<!-- b -->\nnew\n<!-- /b -->\nc\n"
    assert section_of(within(page, "b", "x\n\ny"), "b") == "x\n\ny"


@pytest.mark.parametrize("page", ["", "<!-- b -->", "<!-- b --><!-- /b --><!-- b -->"])
def test_within__a_page_without_the_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="no section"):
        within(page, "b", "new")
