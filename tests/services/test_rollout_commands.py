"""`python -m services.rollout`: what it prints and how it ends."""

import json
from pathlib import Path

import pytest

from model_code.installation import Installation
from services.rollout.__main__ import main
from services.rollout.base import Revision, TargetStatus, TrackStatus
from services.rollout.report import history_table, status_lines, status_table
from tests.services import tiny
from tests.services.conftest import installation


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    found = installation(tmp_path)
    for name, value in found.settings.environment().items():
        monkeypatch.setenv(name, value)
    return found


def test_status__of_nothing_says_so_and_is_no_success(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--usecase", tiny.NAME]) == 3

    assert "nothing of tiny_load is deployed on local" in capsys.readouterr().out


def test_status__as_json_is_the_targets(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--usecase", tiny.NAME, "--json"]) == 3

    assert TargetStatus.model_validate_json(capsys.readouterr().out).reason == "not running"


def test_deploy__of_what_nobody_promoted_ends_with_what_to_do(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--usecase", tiny.NAME]) == 1

    assert "no bundle of tiny_load is promoted (promote a version first" in capsys.readouterr().err


def test_deploy__of_an_image_to_this_machine_is_refused(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    place.ledger.append(tiny.promotion_of("1", "1" * 64))
    place.pointers.move(tiny.NAME, "1" * 64, None)

    assert main(["deploy", "--usecase", tiny.NAME, "--image", "tiny:1"]) == 1

    assert "not tiny:1 (leave IMAGE out)" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["traffic", "101"], ["deploy", "--trak", "canary"], ["promote", "extra"], []])
def test_command__that_is_misspelt_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)

    assert "usage: python -m services.rollout" in capsys.readouterr().err


def test_status__for_people_has_tracks_troubles_and_the_last_verdict(place: Installation) -> None:
    track = TrackStatus(track="stable", version="1", bundle="1" * 64, image="tiny:1", replicas=2, ready_replicas=1, weight=95)
    status = TargetStatus(
        target="helm", usecase=tiny.NAME, revision=3, tracks=(track,), differs=("tiny has 5 replicas",), reason="pending"
    )
    entry = place.ledger.append(tiny.promotion_of("1", "1" * 64))

    table, lines = status_table(status), status_lines(status, [entry])

    assert [list(column.cells) for column in table.columns][:6] == [
        ["stable"],
        ["1"],
        ["1" * 12],
        ["tiny:1"],
        ["1 of 2"],
        ["95 %"],
    ]
    assert lines[:2] == ["helm: pending", "differs: tiny has 5 replicas"]
    assert lines[2].startswith("last verdict: promote to version 1 by test, 2024-03-20 00:30 UTC: to be served")


def test_history__for_people_has_a_row_for_each_release() -> None:
    told = {
        "revision": 2,
        "at": "2026-01-02T03:04:05Z",
        "state": "deployed",
        "version": "1",
        "bundle": "1" * 64,
        "what": "deploy",
    }

    table = history_table(tiny.NAME, [Revision.model_validate_json(json.dumps(told))])

    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells == ["2", "2026-01-02 03:04:05", "deployed", "1", "1" * 12, "–", "deploy"]
