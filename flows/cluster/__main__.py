"""`python -m flows.cluster register`: work pools, deployments and automations of Kubernetes at a Prefect server; `template POOL` prints one."""

import argparse
import json
import sys

from flows.cluster.template import POOLS, base_job_template
from model_code.exit_status import exit_status
from model_code.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m flows.cluster", description="Flows on Kubernetes; see docs/kubernetes.md")
    words = parser.add_subparsers(dest="word", required=True)
    words.add_parser("register", help="tell the server of PREFECT_API_URL; again and again, as you like")
    words.add_parser("template", help="print the base job template of a work pool").add_argument("pool", choices=POOLS)
    asked = parser.parse_args(arguments)
    return exit_status(lambda: _print_template(asked.pool) if asked.word == "template" else _register())


def _print_template(pool: str) -> None:
    print(json.dumps(base_job_template(Settings.load(), pool), indent=2))


def _register() -> None:
    from flows.cluster.registration import register  # Prefect's client takes a second

    print("\n".join(register(Settings.load())))


if __name__ == "__main__":
    sys.exit(main())
