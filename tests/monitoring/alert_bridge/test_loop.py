"""The bridge's threads go on, whatever goes wrong in a round."""

import logging

import pytest

from monitoring.alert_bridge.loop import Loop
from tests.waiting import until


def test_loop__a_round_that_fails_by_whatever_is_told_and_the_next_one_follows(caplog: pytest.LogCaptureFixture) -> None:
    rounds = []

    def work() -> int:
        rounds.append(len(rounds))
        return 1 // (len(rounds) - 1)  # the first one fails

    loop = Loop("worker", work, 0.01)
    with caplog.at_level(logging.ERROR):
        loop.start()
        until(lambda: len(rounds) > 1)
    alive = loop.works
    loop.stop()

    assert (alive, loop.works) == (True, False)
    assert "the worker could not work as it should" in caplog.text
