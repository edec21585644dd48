"""The Makefile: every word is explained and leads somewhere; set-up trusts only what it finished."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "Makefile").read_text()
WORDS = re.findall(r"^\.PHONY: (\S+)$", TEXT, re.M)
# Stands for Python at the one place where the real one would take a minute: writes down what it is asked to do, makes the
# folder that `venv` makes, and fails where it is told to.
RECORDER = """#!/bin/sh
case "$1" in -c) exit 0;; --version) echo "Python 3.11"; exit 0;; esac
echo "$2 $3" >> "{calls}"
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi
[ "$2" != "$(cat "{broken}" 2>/dev/null)" ]
"""


def make(*arguments: str, folder: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize("word", WORDS)
def test_make__explains_every_word(word: str) -> None:
    assert re.search(rf"^{re.escape(word)}:.*## \S", TEXT, re.M)


def test_make__lists_its_words_by_itself() -> None:
    shown = make().stdout

    assert [word for word in [*WORDS, "bench-%"] if word not in shown] == []


@pytest.mark.parametrize("module", sorted(set(re.findall(r"\$\(PY\) -m ((?:flows|model_code|monitoring|services)[.\w]*)", TEXT))))
def test_make__runs_modules_that_can_be_run(module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None, module
    if found.submodule_search_locations:
        found = importlib.util.find_spec(f"{module}.__main__")
    assert found is not None, f"{module} is a package without __main__"
    assert found.origin is not None

    guards = [node for node in ast.parse(Path(found.origin).read_text()).body if isinstance(node, ast.If)]
    assert any(ast.unparse(guard.test) == "__name__ == '__main__'" for guard in guards), module


def test_make__has_a_program_for_every_benchmark() -> None:
    named = {name.replace("-", "_") for name in re.findall(r"make bench-([a-z-]+)", "".join(_documents()))}

    for name in sorted(named):
        paths = [ROOT / "benchmarks" / f"{name}.py", ROOT / "benchmarks" / name / "__main__.py"]
        assert any(path.exists() for path in paths), name


def _documents() -> list[str]:
    return [path.read_text() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]]


def test_documents__name_only_words_that_exist() -> None:
    said = set(re.findall(r"`make ([a-z0-9-]+)", "".join(_documents())))

    assert {word for word in said if word not in WORDS and not word.startswith("bench")} == set()


def test_ci__runs_no_benchmark() -> None:
    """Some miss a stated goal, which is an exit code of 1."""
    recipes = dict(re.findall(r"^([a-z0-9-]+):.*\n((?:\t.*\n)*)", TEXT, re.M))
    run = [(ROOT / ".ci" / "run").read_text(), *(recipes[word] for word in ("check", "test", "test-full"))]

    assert [text for text in run if "bench" in text] == []


def test_ci__says_only_words_of_the_makefile() -> None:
    said = re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(), re.M)

    assert {"check", "test", "demo"} <= set(said) <= set(WORDS)
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT).returncode == 0
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, requirements and a Python that only writes down what it is asked."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    python = tmp_path / "python"
    python.write_text(RECORDER.format(calls=tmp_path / "calls", broken=tmp_path / "broken"))
    python.chmod(0o755)
    return tmp_path


def set_up(checkout: Path) -> tuple[int, list[str]]:
    """Exit code, and the modules that were asked for."""
    (checkout / "calls").unlink(missing_ok=True)
    done = make("setup", folder=checkout, PYTHON=str(checkout / "python"))
    calls = checkout / "calls"
    return done.returncode, [line.split()[0] for line in calls.read_text().splitlines()] if calls.exists() else []


def test_setup__is_done_once(checkout: Path) -> None:
    assert set_up(checkout) == (0, ["venv", "pip", "uv", "flows.stack"])
    assert set_up(checkout) == (0, [])


@pytest.mark.parametrize("step", ["pip", "uv", "flows.stack"])
def test_setup__trusts_no_environment_that_was_not_finished(checkout: Path, step: str) -> None:
    (checkout / "broken").write_text(step)
    code, calls = set_up(checkout)
    assert (code != 0, calls[-1]) == (True, step)
    (checkout / ".venv" / "half").touch()
    (checkout / "broken").unlink()

    assert set_up(checkout) == (0, ["venv", "pip", "uv", "flows.stack"])
    assert not (checkout / ".venv" / "half").exists()


def test_setup__brings_a_finished_environment_up_to_date(checkout: Path) -> None:
    set_up(checkout)
    with (checkout / "requirements" / "dev.txt").open("a") as lock:
        lock.write("# one more\n")

    assert set_up(checkout) == (0, ["pip", "uv", "flows.stack"])
    assert len([*(checkout / ".venv").glob(".ready-*")]) == 1


def test_setup__says_which_python_it_needs(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "sha256sum", "cut", "flock", "make"):
        (tools / name).symlink_to(shutil.which(name) or name)

    done = make("setup", folder=checkout, PATH=str(tools))

    assert done.returncode != 0
    assert "No Python 3.11 with venv and pip found" in done.stdout
    assert not (checkout / ".venv").exists()


def test_setup__works_without_a_home(checkout: Path) -> None:
    done = make("setup", folder=checkout, PYTHON=str(checkout / "python"), HOME="")

    assert done.returncode == 0, done.stderr


def test_python__is_the_one_that_is_asked_for() -> None:
    assert sys.version_info[:2] == (3, 11)
