"""A small API server of Kubernetes: objects of one namespace in memory, versions checked at each write; nothing runs in it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import yaml

NAMESPACE = "here"
TOKEN = "known"


class Handler(BaseHTTPRequestHandler):
    objects: ClassVar[dict[str, dict[str, Any]]] = {}
    lock: ClassVar[threading.Lock] = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            self._answer(200, self.objects[self.path]) if self.path in self.objects else self._refuse(404, "not found")

    def do_POST(self) -> None:
        body = self._body()
        if f"/namespaces/{NAMESPACE}/" not in self.path:
            return self._refuse(404, f'namespaces "{self.path.split("/")[5]}" not found')
        path = f"{self.path}/{body['metadata']['name']}"
        with self.lock:
            if path in self.objects:
                return self._refuse(409, "already exists")
            self._write(path, body, "0")

    def do_PUT(self) -> None:
        body = self._body()
        with self.lock:
            there = self.objects.get(self.path)
            if there is None:
                return self._refuse(404, "not found")
            if body["metadata"].get("resourceVersion") != there["metadata"]["resourceVersion"]:
                return self._refuse(409, "the object has been modified")
            self._write(self.path, body, there["metadata"]["resourceVersion"])

    def _write(self, path: str, body: dict[str, Any], before: str) -> None:
        body["metadata"]["resourceVersion"] = str(int(before) + 1)
        self.objects[path] = body
        self._answer(200, body)

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        return found

    def _refuse(self, code: int, message: str) -> None:
        self._answer(code, {"kind": "Status", "message": message})

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            code, body = 401, {"kind": "Status", "message": "Unauthorized"}
        sent = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def api_server() -> Iterator[str]:
    """Its address."""

    class Own(Handler):
        objects: ClassVar[dict[str, dict[str, Any]]] = {}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(folder: Path, url: str, token: str = TOKEN) -> Path:
    """A file that names it."""
    named = {"cluster": "it", "user": "me", "namespace": NAMESPACE}
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": named}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(told))
    return file
