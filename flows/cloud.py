"""The `gcp` environment: `python -m flows.cloud register` tells a Prefect server where code, results and keys lie on Google Cloud."""

import argparse
import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from google.auth.exceptions import GoogleAuthError
from google.cloud.exceptions import GoogleCloudError
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect_gcp import GcpCredentials, GcpSecret, GcsBucket

from flows.automations import register as register_automations
from flows.deployments import PREFECT_YAML, deploy_all
from model_code.canonical import canonical_json
from model_code.errors import ConfigurationError
from model_code.exit_status import exit_status
from model_code.settings import Settings

WORK_POOL = "gcp"
CREDENTIALS, CODE, RESULTS, EIA_KEY = "evenkeel", "evenkeel-code", "evenkeel-results", "evenkeel-eia-key"
CODE_FOLDERS = ("flows", "services", "monitoring", "model_code")
KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


def register(settings: Settings, deployments: Path = PREFECT_YAML) -> list[str]:
    """Create or renew blocks, code, deployments and automations; again, with nothing changed, it changes nothing.

    The Prefect server is the one that PREFECT_API_URL names. Credentials are those of GOOGLE_APPLICATION_CREDENTIALS
    (kept encrypted by the server), else the machine's own. Runs see new code only when all of it is in the bucket.

    Returns:
        Names of the deployments as FLOW/DEPLOYMENT.

    Raises:
        ConfigurationError: No bucket is set, Google refuses, or the work pool is missing.
    """
    if not settings.gcp_bucket:
        raise ConfigurationError("no bucket is named", hint="set EVENKEEL_GCP_BUCKET; see docs/environments.md")
    _check_work_pool()
    try:
        credentials = _credentials()
        _bucket(settings, "results", credentials).save(RESULTS, overwrite=True)
        push_code(settings, credentials, deployments.resolve().parent).save(CODE, overwrite=True)
        _key(settings, credentials)
    except (GoogleAuthError, GoogleCloudError, OSError) as error:
        raise ConfigurationError(
            f"Google Cloud refused: {error}", hint=f"is {KEY_FILE} a key file that may use the bucket {settings.gcp_bucket}?"
        ) from error
    return asyncio.run(_deploy(deployments))


def push_code(settings: Settings, credentials: GcpCredentials, root: Path) -> GcsBucket:
    """Copy the code to a folder of the bucket that is named after its content; runs under way keep the folder that they have.

    Args:
        root: Repository.

    Returns:
        A block for that folder, not yet saved.
    """
    with tempfile.TemporaryDirectory(prefix="evenkeel-code-") as stage:
        for name in CODE_FOLDERS:
            if (root / name).is_dir():
                shutil.copytree(root / name, Path(stage) / name, ignore=shutil.ignore_patterns("__pycache__"))
        hashes = {
            path.relative_to(stage).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in Path(stage).rglob("*")
            if path.is_file()
        }
        block = _bucket(settings, f"code/{hashlib.sha256(canonical_json(hashes)).hexdigest()[:16]}", credentials)
        block.put_directory(local_path=stage)
    return block


def _credentials() -> GcpCredentials:
    file = os.environ.get(KEY_FILE)
    content = Path(file).read_text() if file else None
    credentials = GcpCredentials(service_account_info=content) if content else GcpCredentials()
    credentials.save(CREDENTIALS, overwrite=True)
    return credentials


def _bucket(settings: Settings, folder: str, credentials: GcpCredentials) -> GcsBucket:
    return GcsBucket(bucket=settings.gcp_bucket, bucket_folder=f"{settings.gcp_folder}/{folder}", gcp_credentials=credentials)


def _key(settings: Settings, credentials: GcpCredentials) -> None:
    if settings.gcp_eia_secret:
        GcpSecret(gcp_credentials=credentials, secret_name=settings.gcp_eia_secret).save(EIA_KEY, overwrite=True)
    elif settings.eia_api_key:
        Secret(value=settings.eia_api_key).save(EIA_KEY, overwrite=True)


def _check_work_pool() -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(WORK_POOL)
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"the Prefect server has no work pool {WORK_POOL!r}",
                hint=f"prefect work-pool create {WORK_POOL} --type cloud-run-v2 (or kubernetes, or process)",
            ) from error


async def _deploy(deployments: Path) -> list[str]:
    async with get_client() as client:
        deployed = await deploy_all(client, work_pool=WORK_POOL, path=deployments)
        await register_automations(client, WORK_POOL)
    return deployed


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m flows.cloud", description="the gcp environment; see docs/environments.md")
    parser.add_argument("word", choices=["register"])
    parser.parse_args(arguments)
    return exit_status(lambda: print("\n".join(register(Settings.load()))))


if __name__ == "__main__":
    sys.exit(main())
