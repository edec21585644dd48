"""Programs that print what they like, heard as JSON lines."""

import json
import os
import signal
import subprocess
import sys

import pytest

from model_code.json_lines import LONGEST_LINE, as_json


def heard(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "model_code.json_lines", "theirs", sys.executable, "-uc", program]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_json_lines__whatever_is_printed_is_json_and_json_stays_as_it_is() -> None:
    told = heard(
        'import sys; print(" ___ banner"); print(); print(\'{"a": 1}\'); print("{not json"); print("[1]"); sys.stderr.write("oh no")'
    )

    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.returncode == 0
    assert [line.get("message", line) for line in lines] == [" ___ banner", {"a": 1}, "{not json", "[1]", "oh no"]
    assert {line["logger"] for line in lines if "logger" in line} == {"theirs"}
    assert told.stderr == ""


@pytest.mark.parametrize(("program", "code"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 128 + 9)])
def test_json_lines__exit_code_is_the_programs(program: str, code: int) -> None:
    assert heard(program).returncode == code


def test_json_lines__secrets_are_hidden_and_long_lines_are_cut() -> None:
    told = heard('import os; print("it is " + os.environ["THEIR_TOKEN"]); print("x" * 200_000)', THEIR_TOKEN="opensesame")

    first, *rest = [json.loads(line)["message"] for line in told.stdout.splitlines()]
    assert first == "it is ***"
    assert "".join(rest) == "x" * 200_000
    assert max(map(len, rest)) <= LONGEST_LINE


def test_json_lines__a_session_that_is_ended_says_its_last_words() -> None:
    program = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('bye'))); print('up'); time.sleep(60)"
    command = [sys.executable, "-m", "model_code.json_lines", "theirs", sys.executable, "-uc", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stdout is not None
        assert as_json("theirs", running.stdout.readline())
        os.killpg(running.pid, signal.SIGTERM)
        assert json.loads(running.stdout.read())["message"] == "bye"
    assert running.returncode == 0
