"""Seconds from a flow run's creation to its completion: started cold and from the warm process, one after the other."""

import argparse
import asyncio
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from prefect.client.orchestration import PrefectClient

from flows.stack import LocalStack
from flows.stack.local import CORE
from model_code.settings import Settings

# What a monitor run imports, and nothing more: the rest of its time is its own.
FLOW = """
import pandas, deltalake, sqlalchemy, xgboost, sklearn.linear_model, mlflow, evidently
from prefect import flow

@flow
def nothing() -> None:
    pass
"""
PREFECT_YAML = f"""
pull: null
deployments:
  - name: warm
    entrypoint: nothing.py:nothing
    work_pool: {{name: local}}
  - name: cold
    entrypoint: nothing.py:nothing
    work_pool: {{name: local, job_variables: {{command: "{sys.executable} -m prefect.engine"}}}}
"""


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def seconds(client: PrefectClient, name: str) -> float:
    """Of one run, as a user sees it."""
    deployment = await client.read_deployment_by_name(f"nothing/{name}")
    began = time.monotonic()
    run = await client.create_flow_run_from_deployment(deployment.id)
    while run.state is None or not run.state.is_final():
        await asyncio.sleep(0.02)
        run = await client.read_flow_run(run.id)
    if not run.state.is_completed():
        raise SystemExit(f"{name}: {run.state}")
    return time.monotonic() - began


async def measure(api: str, runs: int) -> dict[str, list[float]]:
    """Alternate, so that whatever else the machine does meets both alike."""
    taken: dict[str, list[float]] = {"cold": [], "warm": []}
    async with PrefectClient(api=api) as client:
        for _ in range(runs):
            for name, values in taken.items():
                values.append(await seconds(client, name))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=8)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "nothing.py").write_text(FLOW)
        (home / "prefect.yaml").write_text(PREFECT_YAML)
        settings = Settings(home=home / "state", prefect_port=free_port())
        stack = LocalStack(settings, home / "prefect.yaml")
        began = time.monotonic()
        try:
            stack.up(CORE)
            print(f"stack up: {time.monotonic() - began:.1f} s")
            taken = asyncio.run(measure(f"http://{settings.host}:{settings.prefect_port}/api", runs))
        finally:
            stack.down()
    for name, values in taken.items():
        print(f"{name}: median {statistics.median(values):.2f} s, from {min(values):.2f} to {max(values):.2f} s, {runs} runs")


if __name__ == "__main__":
    main()
