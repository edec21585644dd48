"""`python -m flows.stack up|down|status [--json]`: the local stack from the command line."""

import argparse
import json
import signal
import sys
import time

from flows.stack.local import PARTS, LocalStack, Status
from flows.stack.templates import prepare
from model_code.errors import EvenkeelError
from model_code.settings import Settings


def main() -> int:
    """Exit code 0; 1 after an error, and from `status` when something does not answer."""
    parser = argparse.ArgumentParser(prog="python -m flows.stack")
    parser.add_argument("word", choices=["up", "down", "status", "prepare", "automations"])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C
    try:
        return _obey(options)
    except EvenkeelError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; what had been started was ended", file=sys.stderr)
    return 1


def _obey(options: argparse.Namespace) -> int:
    if options.word == "prepare":
        prepare()
        return 0
    stack, began = LocalStack(Settings.load()), time.monotonic()
    if options.word == "automations":
        stack.register()
        return 0
    if options.word == "down":
        ended = stack.down()
        print(json.dumps(ended) if options.json else f"ended: {', '.join(ended) or 'nothing ran'}")
        return 0
    states = stack.up(options.parts) if options.word == "up" else stack.status(options.parts)
    print(json.dumps([state.as_dict() for state in states], indent=2) if options.json else _table(states))
    if not options.json:
        for name, package in stack.absent.items():
            print(f"{name} is not installed, so nothing alerts: apt-get install {package}")
    if options.word == "up" and not options.json:
        print(f"ready in {time.monotonic() - began:.0f} s; `make down` ends it")
    return 0 if options.word == "up" or all(state.ready for state in states) else 1


def _table(states: list[Status]) -> str:
    return "\n".join(
        f"{state.name:<12} {'ready' if state.ready else 'running' if state.pid else 'down':<8} {state.url or '-':<24} {state.note or state.log}"
        for state in states
    )


if __name__ == "__main__":
    sys.exit(main())
