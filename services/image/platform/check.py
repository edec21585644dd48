"""`python -m services.image.platform.check`: run in a finished image, imports what its pods run and starts the helm program."""

import importlib
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
RUN = (
    "asyncpg",
    "boto3",
    "evidently.presets",
    "flows.cluster.registration",
    "mlflow.server",
    "mlflow.server.fastapi_app",
    "model_code.database",
    "model_code.installation",
    "monitoring.alert_bridge.app",
    "monitoring.evidently.pages",
    "monitoring.exporter",
    "monitoring.reports.server",
    "prefect.cli",
    "prefect.server.api.server",
    "prefect_kubernetes",
    "psycopg",
)


def main() -> None:
    """Raise what a pod would have met."""
    entries = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    flows = {str(entry["entrypoint"]).partition(":")[0].removesuffix(".py").replace("/", ".") for entry in entries}
    for name in [*RUN, *sorted(flows)]:
        importlib.import_module(name)
    helm = subprocess.run(["helm", "version", "--short"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{len(flows)} flows, {len(RUN)} modules, helm {helm}")


if __name__ == "__main__":
    main()
