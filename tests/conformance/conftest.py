"""Object stores as server processes of this machine: S3 by moto, Google Cloud Storage by an emulator with an XML front."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest

from tests.conftest import free_port

FRONT = Path(__file__).parents[1] / "gcs_xml.py"


@contextmanager
def server(*command: str) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        if running.stdout:
            running.stdout.close()


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with server("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)):
        wait_for(url)
        client = boto3.client("s3", endpoint_url=url, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
        client.create_bucket(Bucket="observations")  # each test has a prefix of its own in it
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1",
        }


@pytest.fixture(scope="session")
def gcs() -> Iterator[dict[str, str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    emulator = (
        "-m",
        "gcp_storage_emulator",
        "start",
        "--host=127.0.0.1",
        f"--port={port}",
        "--in-memory",
        "--default-bucket=observations",
    )
    with server(*emulator):
        wait_for(url)
        with server(str(FRONT), url) as front:
            assert front.stdout is not None
            account = {"gcs_base_url": f"http://127.0.0.1:{front.stdout.readline().strip()}", "disable_oauth": True}
            account |= {"client_email": "", "private_key": "", "private_key_id": ""}
            yield {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account), "GOOGLE_ALLOW_HTTP": "true", "ALLOW_HTTP": "true"}
