"""`python -m services.rollout VERB --usecase NAME`: put a registered version where it answers, and see what runs."""

import argparse
import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from model_code import logs
from model_code.errors import EvenkeelError
from model_code.installation import Installation
from model_code.settings import Settings
from services.rollout.base import Target, TargetStatus
from services.rollout.choice import wanted_of
from services.rollout.open import open_target
from services.rollout.report import history_table, status_lines, status_table

Verb = Callable[[Target, Installation, argparse.Namespace], TargetStatus | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when it is done, 1 with the reason when it is not; `status` gives 3 where stable is not ready."""
    options = _options(arguments)
    try:
        settings = Settings.load()
        logs.configure(settings.log_format)
        place = Installation.open(options.usecase or settings.usecase, settings)
        target = open_target(settings, options.target)
        status = VERBS[options.verb](target, place, options)
        if status is not None:
            _tell(status, place, options)
    except EvenkeelError as error:
        print(f"{error.title}: {error}", file=sys.stderr)
        return 1
    return 3 if options.verb == "status" and status is not None and not status.ready else 0


def _deploy(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.deploy(wanted_of(place, options.version, options.image), timeout=options.timeout)


def _stage(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.stage(wanted_of(place, options.version, options.image), options.track, timeout=options.timeout)


def _traffic(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.traffic(place.usecase.name, options.percent)


def _promote(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.promote(place.usecase.name, timeout=options.timeout)


def _withdraw(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.withdraw(place.usecase.name, timeout=options.timeout)


def _rollback(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.rollback(place.usecase.name, revision=options.revision, timeout=options.timeout)


def _status(target: Target, place: Installation, options: argparse.Namespace) -> TargetStatus:
    return target.status(place.usecase.name)


def _history(target: Target, place: Installation, options: argparse.Namespace) -> None:
    revisions = target.history(place.usecase.name)
    if options.json:
        for each in revisions:
            print(each.model_dump_json())
    else:
        _console().print(history_table(place.usecase.name, revisions))


def _stop(target: Target, place: Installation, options: argparse.Namespace) -> None:
    target.stop(place.usecase.name)


VERBS: dict[str, Verb] = {
    "deploy": _deploy,
    "stage": _stage,
    "traffic": _traffic,
    "promote": _promote,
    "withdraw": _withdraw,
    "rollback": _rollback,
    "status": _status,
    "history": _history,
    "stop": _stop,
}


def _tell(status: TargetStatus, place: Installation, options: argparse.Namespace) -> None:
    if options.json:
        print(status.model_dump_json())
        return
    console = _console()
    console.print(status_table(status) if status.tracks else f"nothing of {status.usecase} is deployed on {status.target}")
    for line in status_lines(status, place.ledger.entries(status.usecase)):
        console.print(line, highlight=False, markup=False)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 200)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.rollout", description=__doc__, epilog="docs/rollout.md")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--usecase", help="name of the use case (EVENKEEL_USECASE)")
    common.add_argument("--target", choices=("local", "helm", "kserve"), help="where to (EVENKEEL_TARGET)")
    common.add_argument("--timeout", type=float, default=180.0, help="seconds until everything has to be ready (%(default)g)")
    common.add_argument("--json", action="store_true", help="as JSON")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument("--version", help="registry version; default: the one that the pointer wants")
    chosen.add_argument("--image", help="repository:tag or repository@sha256:…; default: the one that runs")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("deploy", parents=[common, chosen], help="bring a version to the front; it is promoted already")
    staged = verbs.add_parser("stage", parents=[common, chosen], help="start a version beside it, with no requests")
    staged.add_argument("--track", choices=("canary", "shadow"), default="canary", help="(%(default)s)")
    traffic = verbs.add_parser("traffic", parents=[common], help="give the canary a share of the requests")
    traffic.add_argument("percent", type=int, choices=range(101), metavar="PERCENT", help="0 to 100")
    verbs.add_parser("promote", parents=[common], help="the canary's release comes to the front; it is promoted already")
    verbs.add_parser("withdraw", parents=[common], help="end canary and shadow, requests first")
    back = verbs.add_parser("rollback", parents=[common], help="return to an earlier release, its image")
    back.add_argument("--revision", type=int, help="default: the one before")
    verbs.add_parser("status", parents=[common], help="what runs, since when, and where it differs from what it should be")
    verbs.add_parser("history", parents=[common], help="the releases, newest first")
    verbs.add_parser("stop", parents=[common], help="end all of it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
