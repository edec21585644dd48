"""What a command line ends with."""

import pytest

from model_code.errors import ConfigurationError
from model_code.exit_status import exit_status


def test_exit_status__is_0_after_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(lambda: print("done")) == 0
    assert capsys.readouterr() == ("done\n", "")


def test_exit_status__is_1_after_an_error_that_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise ConfigurationError("no bucket is named", hint="set EVENKEEL_GCP_BUCKET")

    assert exit_status(fails) == 1
    assert capsys.readouterr() == ("", "no bucket is named (set EVENKEEL_GCP_BUCKET)\n")


def test_exit_status__lets_a_mistake_of_ours_through() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 / 0)
