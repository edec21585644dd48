"""`python -m flows.first_model [USECASE]`: where nothing was ever promoted, run the deployments from refresh to deploy once."""

import argparse
import os
import sys
import time

from flows.stack.parts import environment
from model_code.exit_status import exit_status
from model_code.installation import Installation
from model_code.settings import Settings

STEPS = ("refresh", "search", "train", "promote", "deploy")


def main() -> int:
    """Exit code 0 when a champion is served."""
    parser = argparse.ArgumentParser(prog="python -m flows.first_model", description="The first model of a use case.")
    parser.add_argument("usecase", nargs="?", default="demand_victoria")
    options = parser.parse_args()
    return exit_status(lambda: _first_model(options.usecase))


def _first_model(usecase: str) -> None:
    settings = Settings.load()
    os.environ |= environment(settings)
    bring_up(Installation.open(usecase, settings))


def bring_up(place: Installation) -> None:
    """Run what is missing: all steps for a first model, none where there is a champion already."""
    from flows.runs import run  # imports Prefect, which reads the environment then

    name = place.usecase.name
    if place.pointers.get(name) is not None:
        return
    print(f"no model of {name} yet: running {', '.join(STEPS)} (a minute or two; watch them in the Prefect UI)")
    for step in STEPS:
        began = time.monotonic()
        run(step, usecase=name)
        print(f"  {step:<8} {time.monotonic() - began:5.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
