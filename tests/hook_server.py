"""A receiver of Apprise's `json://` messages, which refuses them when it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_PATH = "a-secret-path-of-a-webhook"


class Hook(BaseHTTPRequestHandler):
    """Keeps every post, and answers with the status that is set."""

    server: "HookServer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        post = json.loads(body)
        self.server.posts.append(post)
        self.send_response(500 if post["title"] in self.server.refused_titles else self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class HookServer(ThreadingHTTPServer):
    """Where messages arrive."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Hook)
        self.posts: list[dict[str, Any]] = []
        self.status = 200
        self.refused_titles: set[str] = set()

    @property
    def url(self) -> str:
        """As Apprise names it."""
        return self.url_of(SECRET_PATH)

    def url_of(self, path: str) -> str:
        """Another target of the same receiver."""
        return f"json://127.0.0.1:{self.server_port}/{path}"

    @property
    def titles(self) -> list[str]:
        """Of the posts, in the order in which they came."""
        return [str(post["title"]) for post in self.posts]


@contextmanager
def hook_server(port: int = 0) -> Iterator[HookServer]:
    """A receiver, for as long as the block lasts.

    Args:
        port: That it listens on; 0: any.
    """
    with HookServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
