"""Object stores as server processes of this machine."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import httpx

from tests.conftest import free_port


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


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """S3 by moto with an empty bucket `observations`; the environment that reaches it."""
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
