"""Google Cloud on this machine: a real storage emulator, and a token server that hands tokens to signed requests."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import free_port

BUCKET = "company"


class Tokens(BaseHTTPRequestHandler):
    """OAuth's token endpoint: a JWT in, a token out."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = asked["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and asked["assertion"][0].count(".") == 2
        body = json.dumps({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def token_server() -> Iterator[str]:
    """Address of the token endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    server.server_close()


@contextmanager
def storage() -> Iterator[str]:
    """Address of a storage emulator with one bucket."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}", "--in-memory", f"--default-bucket={BUCKET}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-m", *command], **quiet) as emulator:
        try:
            while not _answers(url):
                assert emulator.poll() is None
                time.sleep(0.05)
            yield url
        finally:
            emulator.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/storage/v1/b/{BUCKET}").status_code == 200
    except httpx.HTTPError:
        return False


def write_key_file(folder: Path, token_url: str) -> Path:
    """A service account's key file whose tokens come from `token_url`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "project_id": "company-project",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "evenkeel@company-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_url,
    }
    (folder / "key.json").write_text(json.dumps(content))
    return folder / "key.json"


def objects(url: str, prefix: str = "") -> dict[str, bytes]:
    """Name -> content of what lies in the bucket."""
    listed = httpx.get(f"{url}/storage/v1/b/{BUCKET}/o", params={"prefix": prefix}).json().get("items", [])
    return {
        item["name"]: httpx.get(f"{url}/download/storage/v1/b/{BUCKET}/o/{item['name']}", params={"alt": "media"}).content
        for item in listed
    }
