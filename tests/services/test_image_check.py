"""The check of a finished image, over bundles in a folder."""

import shutil
from pathlib import Path

import pytest

from services.image import check
from tests.unit.test_bundle_composite import made, part


def test_image_check__asks_each_part_of_a_bundle_for_few_and_for_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base, other = part(tmp_path, "ridge"), part(tmp_path, "xgboost")
    both = made(tmp_path, base, {"b": other})
    shutil.copytree(both.path, tmp_path / "bundles" / both.hash)
    monkeypatch.setattr(check, "IMPORTED", ())  # they are there where tests run

    check.main(tmp_path / "bundles")

    told = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in told} == {f"{each.hash[:12]}:" for each in (base, other)}
    assert [line.split(": ")[1] for line in told] == ["1 rows, 1 answers", "1000 rows, 1000 answers"] * 2
