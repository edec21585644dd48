"""Object stores as server processes of this machine: S3 by moto, Google Cloud Storage by an emulator with an XML front."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.object_stores import s3_server, server, wait_for

FRONT = Path(__file__).parents[1] / "gcs_xml.py"


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


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
