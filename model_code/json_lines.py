"""`python -m model_code.json_lines NAME COMMAND…`: run a program, and write what it prints as JSON lines, whatever it prints.

For programs of others, which print banners, warnings and logs in forms of their own: what is a JSON object already stays as it
is, all else becomes the message of one. The program's exit code is this one's. SIGTERM is left to the program, which gets it as
well where a whole session is ended (`flows.stack.daemon`).
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence

from model_code import logs

LONGEST_LINE = 64 * 1024  # bytes; a longer one is cut into several
KILLED = 128  # a shell's exit code for a program that a signal ended, plus the signal's number


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end.

    Args:
        arguments: What its lines are called (`logger`), the program, its arguments.

    Returns:
        The program's exit code.
    """
    name, *command = arguments
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_heed_signals,  # one thread
    ) as program:
        assert program.stdout is not None
        while line := program.stdout.readline(LONGEST_LINE):
            told = as_json(name, line.decode(errors="replace"))
            if told:
                print(told, flush=True)
    return program.returncode if program.returncode >= 0 else KILLED - program.returncode


def as_json(name: str, line: str) -> str:
    """The line as one JSON object, without secrets; "" where it says nothing.

    Example:
        >>> as_json("prefect", '{"level": "INFO"}')
        '{"level": "INFO"}'
        >>> as_json("prefect", "   ")
        ''
    """
    text = line.strip()
    if not text or _is_object(text):
        return text
    record = logging.LogRecord(name, logging.INFO, "", 0, line.rstrip(), None, None)
    return logs.JsonFormatter().format(record)


def _is_object(text: str) -> bool:
    try:
        return text.startswith("{") and isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False


def _heed_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
