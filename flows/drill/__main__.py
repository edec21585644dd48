"""`python -m flows.drill NAME`: inject, run the loop, check the end state; exit code 1 where it is wrong."""

import argparse
import shutil
import signal
import sys
from pathlib import Path

from rich.console import Console

from flows.drill.beginning import begun
from flows.drill.checks import Outcome, check
from flows.drill.course import Course
from flows.drill.draws import DRAWS, draw
from flows.drill.loop import Loop
from flows.drill.script import TRAIN_AT
from model_code.errors import EvenkeelError

HOME = Path(".evenkeel/drill")


def main() -> int:
    """Exit code 0 where the end state is right, 1 where it is not, 2 where the drill itself failed."""
    parser = argparse.ArgumentParser(prog="python -m flows.drill", description=__doc__)
    parser.add_argument("name", choices=sorted(DRAWS), help="what goes wrong")
    parser.add_argument("--seed", type=int, default=1, help="of date, size and imperfections (default: %(default)s)")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the drill; emptied first (default: %(default)s)")
    parser.add_argument("--prefect", action="store_true", help="through a Prefect server, a worker and the service; minutes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcome = (run_on_stage if options.prefect else run)(options.name, options.seed, options.home)
    except (EvenkeelError, OSError) as error:
        print(f"the drill stopped: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; everything that was started was ended", file=sys.stderr)
        return 130
    print(*outcome.findings, sep="\n")
    for harm in outcome.harms:
        print(f"HARM {harm}")
    print(f"{options.name} {options.seed}: {'right' if outcome.right else 'WRONG'}; the ledger is in {options.home}")
    return 0 if outcome.right else 1


def run(name: str, seed: int, home: Path) -> Outcome:
    """Open a home with its first model, play the drill, and check what became of it."""
    script = draw(name, seed)
    print(f"{name}, seed {seed}, {script.story}\nopening: search, train, promote as of {TRAIN_AT:%d %B} …", flush=True)
    if home.exists():
        shutil.rmtree(home)
    loop = Loop(begun(), home, script, lambda look: print(f"  {look}", flush=True))
    loop.play()
    return check(script, Course.of(loop.place))


def run_on_stage(name: str, seed: int, home: Path) -> Outcome:
    """The same through Prefect."""
    from flows.drill.on_stage import play  # imports Prefect's client, which reads the environment

    script = draw(name, seed)
    print(f"{name}, seed {seed}, {script.story}, through Prefect", flush=True)
    return check(script, play(script, home, Console()))


if __name__ == "__main__":
    sys.exit(main())
