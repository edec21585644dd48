"""Google Cloud on this machine: a real storage emulator, and stand-ins on the wire for tokens and for Secret Manager."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import grpc
import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.cloud.secretmanager_v1 import AccessSecretVersionRequest, AccessSecretVersionResponse

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


SECRET_MANAGER = "secretmanager.googleapis.com"


@contextmanager
def secret_manager(secrets: dict[str, bytes], folder: Path) -> Iterator[dict[str, str]]:
    """Secret Manager's gRPC service for reading, behind a proxy that leads everybody there.

    Args:
        secrets: Full name of a secret's version -> its content.
        folder: For the certificate that clients must trust.

    Yields:
        The environment in which Google's client finds it.
    """
    key, certificate = _certificate()
    (folder / "roots.pem").write_bytes(certificate)

    def access(request: AccessSecretVersionRequest, context: grpc.ServicerContext) -> AccessSecretVersionResponse:
        if request.name not in secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Secret [{request.name}] not found")
        return AccessSecretVersionResponse(name=request.name, payload={"data": secrets[request.name]})

    method = grpc.unary_unary_rpc_method_handler(
        access, AccessSecretVersionRequest.deserialize, AccessSecretVersionResponse.serialize
    )
    service = "google.cloud.secretmanager.v1.SecretManagerService"
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"AccessSecretVersion": method})])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    with _tunnel(port) as proxy:
        yield {"grpc_proxy": proxy, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(folder / "roots.pem")}
    server.stop(None).wait()


@contextmanager
def _tunnel(port: int) -> Iterator[str]:
    """A proxy whose every CONNECT ends at one port of this machine."""

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", port)) as there:
                back = threading.Thread(target=_pour, args=(there, self.connection))
                back.start()
                _pour(self.connection, there)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either side may hang up
        while content := source.recv(65536):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


def _certificate() -> tuple[bytes, bytes]:
    """Key and certificate that say "I am Secret Manager"."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SECRET_MANAGER)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SECRET_MANAGER)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, made.public_bytes(pem)
