"""Completeness: what the documents must list is discovered, and a failure prints what to paste."""

import ast
import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from model_code.settings import Settings
from model_code.settings_group import PREFIX

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("model_code", "services", "monitoring", "flows", "tests", "benchmarks")
# Run as programs, or loaded by another package by name: nothing imports them.
NOT_IMPORTED = {
    "uv": "Makefile",
    "pytest-timeout": "pyproject.toml",
    "pytest-xdist": "Makefile",
    "ruff": "Makefile",
    "mypy": "Makefile",
    "import-linter": "Makefile",
    "types-pyyaml": "requirements/dev.in",
    "types-psutil": "requirements/dev.in",
    "pandas-stubs": "requirements/dev.in",
    "fastapi": "requirements/runtime.in",
    "psycopg": "model_code/sql.py",
    "uvloop": "services/forecaster/server.py",
    "httptools": "services/forecaster/wire.py",
    "cyclonedx-bom": "services/build/sbom.py",
    "xgboost": "requirements/serving-xgboost-gpu.in",
    "moto": "tests/conformance/conftest.py",
    "gcp-storage-emulator": "tests/conformance/conftest.py",
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    # What a peer of a benchmark is made of is in an environment of its own, and no dependency of ours.
    ours = [path for path in sorted((ROOT / "requirements").glob("*.in")) if not path.name.startswith("peers-")]
    lines = [line for path in ours for line in path.read_text().splitlines()]
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines if line and not line.startswith(("#", "-"))]
    return {canonical(name.group()) for name in names if name}


def imported() -> set[str]:
    """Distributions whose modules some file of Evenkeel imports."""
    modules = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    found = packages_distributions()
    return {canonical(name) for module in modules for name in found.get(module, ())}


def table_rows() -> dict[str, list[str]]:
    """Rows of the README's table of dependencies, by package: the cells after its name."""
    text = (ROOT / "README.md").read_text()
    table = text.partition("<!-- dependencies -->")[2].partition("<!-- /dependencies -->")[0]
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")
    ]
    return {canonical(row[0].strip("`")): row[1:] for row in rows}


def settings_page() -> str:
    """What `docs/settings.md` must say."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable; a misspelt name is refused, with the right one suggested. Paths may be relative",
        "to the folder of the command. This page follows from `model_code/settings.py`; a test holds it to that.",
        "",
        "| variable | type | default | what it is, and why that default |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        kind = getattr(field.annotation, "__name__", str(field.annotation)).replace("|", "or")
        default = (
            "required" if field.default is PydanticUndefined else f"`{field.default}`" if field.default not in ("", None) else ""
        )
        lines.append(f"| `{PREFIX}{name.upper()}` | {kind} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def test_settings__are_all_documented() -> None:
    page = ROOT / "docs" / "settings.md"

    if not page.exists() or page.read_text() != settings_page():
        pytest.fail(f"docs/settings.md must be:\n{settings_page()}", pytrace=False)


def test_settings__say_what_they_are() -> None:
    silent = [name for name, field in Settings.model_fields.items() if not field.description]

    assert silent == []


def test_dependencies__are_all_imported_or_run() -> None:
    assert declared() - imported() - set(NOT_IMPORTED) == set()


@pytest.mark.parametrize(("package", "place"), NOT_IMPORTED.items())
def test_dependencies__that_are_not_imported_are_declared_and_named_where_they_serve(package: str, place: str) -> None:
    words = {
        "import-linter": "importlinter",
        "pytest-xdist": "-n ",
        "pytest-timeout": "timeout",
        "gcp-storage-emulator": "gcp_storage",
    }

    assert package in declared()
    assert words.get(package, package) in (ROOT / place).read_text().lower()


def test_dependencies__each_have_a_row_in_the_readme() -> None:
    missing, unknown = declared() - set(table_rows()), set(table_rows()) - declared()

    rows = "\n".join(f"| `{name}` | role | `file` | what breaks without it |" for name in sorted(missing))
    assert not missing, f"add to the table in README.md:\n{rows}"
    assert not unknown, "in the table of README.md, but not in requirements/*.in"


def test_dependencies__name_files_that_exist() -> None:
    wrong = {
        name: place
        for name, (_, places, _) in table_rows().items()
        for place in re.findall(r"`([^`]+)`", places)
        if not [*ROOT.glob(place)]
    }

    assert wrong == {}


def test_repository__names_no_machine_path_and_no_package_host() -> None:
    # Put together here, so that this file is no hit itself.
    forbidden = re.compile(
        "|".join(["/wor" + "k/", "shar" + r"ed/(cluster|data|hooks)", r"files\.python" + "hosted", r"\bpypi" + r"\.org"])
    )

    hits = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix not in {".png", ".parquet", ".ico"} and path.stat().st_size < 5_000_000
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if forbidden.search(line)
    ]

    assert hits == []


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """What links may name after `#`: each heading as GitHub writes it."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", prose(path), re.M)}


def leads(page: Path, link: str) -> bool:
    """Whether a relative link leads to a file or folder, and to a heading where it names one of a page."""
    place, _, anchor = link.partition("#")
    target = page.parent / place if place else page
    return target.exists() and (not anchor or target.suffix != ".md" or anchor in anchors(target))


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.stem)
def test_links__lead_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^()\s]+)\)", prose(page))

    assert [link for link in links if not re.match(r"[a-z]+:", link) and not leads(page, link)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=lambda path: path.stem)
def test_adr__has_context_decision_and_consequences(path: Path) -> None:
    text = path.read_text()

    assert re.match(rf"# {int(path.name[:4])}\. ", text)
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
