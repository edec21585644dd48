"""The beginning that drills share: made once for the same code, and made again where it is not whole."""

from pathlib import Path

import pytest

from flows.drill import beginning


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders in which a home was opened; a file stands for what training leaves there."""
    opened: list[Path] = []

    def opening(folder: Path) -> Path:
        opened.append(folder)
        (folder / beginning.STARTED / "store").mkdir(parents=True)
        (folder / beginning.STARTED / "store" / "rows").write_text("as trained")
        return folder / beginning.STARTED

    monkeypatch.setattr(beginning, "open_started", opening)
    return opened


def test_begun__is_made_once(openings: list[Path], tmp_path: Path) -> None:
    first = beginning.begun(tmp_path)
    assert (first / "store" / "rows").read_text() == "as trained"
    assert beginning.begun(tmp_path) == first
    assert len(openings) == 1
    assert [folder.name for folder in tmp_path.iterdir()] == [first.parent.name]


@pytest.mark.parametrize("harm", ["altered", "gone", "added"])
def test_begun__what_is_not_whole_is_made_again(harm: str, openings: list[Path], tmp_path: Path) -> None:
    rows = beginning.begun(tmp_path) / "store" / "rows"
    if harm == "gone":
        rows.unlink()
    else:
        (rows if harm == "altered" else rows.with_name("more")).write_text("by another hand")
    again = beginning.begun(tmp_path)
    assert [path.name for path in (again / "store").iterdir()] == ["rows"]
    assert rows.read_text() == "as trained"
    assert len(openings) == 2


def test_begun__other_code_makes_its_own(openings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = beginning.begun(tmp_path)
    monkeypatch.setattr(beginning, "DECIDES", ("flows/demo/scenario.py",))
    assert beginning.begun(tmp_path) != first
    assert len(openings) == 2


def test_digest_of__tells_names_and_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("1")
    of_one = beginning.digest_of(tmp_path, [one])
    two.write_text("1")
    assert beginning.digest_of(tmp_path, [two]) != of_one
    assert beginning.digest_of(tmp_path, [one, two]) == beginning.digest_of(tmp_path, [two, one])
    one.write_text("2")
    assert beginning.digest_of(tmp_path, [one]) != of_one
