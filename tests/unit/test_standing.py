from datetime import UTC, datetime

import pytest

from model_code.ledger import Entry
from model_code.standing import standing


def move(action, before, after, phase="done"):
    at = datetime(2014, 7, 1, tzinfo=UTC)
    return Entry(phase=phase, usecase="u", action=action, actor="a", reason="r", from_version=before, to_version=after, at=at)


CASES = {
    "nothing yet": ([], (), set()),
    "the first champion": ([("promote", None, "1")], ("1",), set()),
    "two champions": ([("promote", None, "1"), ("promote", "1", "2")], ("1", "2"), set()),
    "rolled back": ([("promote", None, "1"), ("promote", "1", "2"), ("rollback", "2", "1")], ("1",), {"2"}),
    "rolled back twice": (
        [("promote", None, "1"), ("promote", "1", "2"), ("promote", "2", "3"), ("rollback", "3", "2"), ("rollback", "2", "1")],
        ("1",),
        {"2", "3"},
    ),
    "rolled back over a version, which is trusted no more": (
        [("promote", None, "1"), ("promote", "1", "2"), ("promote", "2", "3"), ("rollback", "3", "1")],
        ("1",),
        {"3"},
    ),
    "promoted after a rollback": (
        [("promote", None, "1"), ("promote", "1", "2"), ("rollback", "2", "1"), ("promote", "1", "3")],
        ("1", "3"),
        {"2"},
    ),
    "a bad version promoted again is good": (
        [("promote", None, "1"), ("promote", "1", "2"), ("rollback", "2", "1"), ("promote", "1", "2")],
        ("1", "2"),
        set(),
    ),
    "an old version promoted again comes to the top": (
        [("promote", None, "1"), ("promote", "1", "2"), ("promote", "2", "1")],
        ("2", "1"),
        set(),
    ),
    "a champion that the ledger did not know": ([("promote", None, "1"), ("promote", "7", "8")], ("1", "7", "8"), set()),
}


@pytest.mark.parametrize(("moves", "good", "bad"), CASES.values(), ids=CASES)
def test_standing__follows_the_moves(moves, good, bad):
    reached = standing([move(*each) for each in moves])
    assert reached.good == good
    assert reached.bad == bad
    assert reached.previous == (good[-2] if len(good) > 1 else None)
    assert (reached.last.to_version if reached.last else None) == (moves[-1][2] if moves else None)


def test_standing__counts_only_moves_that_were_done():
    entries = [
        move("promote", None, "1", "intent"),
        move("promote", None, "1"),
        move("promote", "1", "2", "void"),
        move("retrain", "1", "9"),
    ]
    assert standing(entries).good == ("1",)
