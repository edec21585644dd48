"""Google's XML API in front of gcp-storage-emulator, which speaks only the JSON API.

Delta's storage client uses the XML API alone (listing by `list-type=2`, `x-goog-if-generation-match`), and the emulator
answers 501 to it. This front translates each request; the objects, their bytes and their listing are the emulator's.
The one thing that it does itself is the precondition "only if there is none yet", which the emulator does not know.
"""

import hashlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import httpx


class Front(BaseHTTPRequestHandler):
    """One request of the XML API as requests of the JSON API."""

    protocol_version = "HTTP/1.1"
    emulator: httpx.Client
    writing: threading.Lock

    def do_GET(self) -> None:
        bucket, name, query = self._asked()
        if not name:
            return self._list(bucket, query)
        found = self.emulator.get(f"/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}", params={"alt": "media"})
        if found.status_code != 200:
            return self._answer(404)
        body, wanted = found.content, self.headers.get("Range")
        if wanted is None:
            return self._answer(200, body, self._about(body))
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else len(body) - int(last)
        end = min(int(last) + 1, len(body)) if first and last else len(body)
        told = {"Content-Range": f"bytes {start}-{end - 1}/{len(body)}"} | self._about(body)
        return self._answer(206, body[start:end], told)

    def do_HEAD(self) -> None:
        bucket, name, _ = self._asked()
        found = self.emulator.get(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}")
        if found.status_code != 200:
            return self._answer(404)
        return self._answer(200, b"", self._about(b""), length=int(found.json()["size"]))

    def do_PUT(self) -> None:
        bucket, name, query = self._asked()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "uploadId" in query or "x-goog-copy-source" in self.headers:
            return self._answer(501)
        with self.writing:
            there = self.emulator.get(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}").status_code == 200
            if there and self.headers.get("x-goog-if-generation-match") == "0":
                return self._answer(412)
            self.emulator.post(
                f"/upload/storage/v1/b/{bucket}/o",
                params={"uploadType": "media", "name": name},
                content=body,
                headers={"Content-Type": "application/octet-stream"},
            ).raise_for_status()
        return self._answer(200, b"", self._about(body))

    def do_DELETE(self) -> None:
        bucket, name, _ = self._asked()
        self._answer(self.emulator.delete(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}").status_code)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _asked(self) -> tuple[str, str, dict[str, list[str]]]:
        split = urlsplit(self.path)
        bucket, _, name = unquote(split.path).lstrip("/").partition("/")
        return bucket, name, parse_qs(split.query)

    @staticmethod
    def _about(body: bytes) -> dict[str, str]:
        return {
            "ETag": f'"{hashlib.md5(body).hexdigest()}"',
            "Last-Modified": "Sat, 21 Nov 2026 00:00:00 GMT",
            "x-goog-generation": "1",
        }

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        asked = {name: query[name][0] for name in ("prefix", "delimiter") if name in query}
        told = self.emulator.get(f"/storage/v1/b/{bucket}/o", params=asked).json()
        after = query.get("start-after", [""])[0]
        objects = "".join(
            f"<Contents><Key>{escape(item['name'])}</Key><LastModified>{item['updated']}</LastModified>"
            f"<ETag>{escape(item['etag'])}</ETag><Size>{item['size']}</Size></Contents>"
            for item in sorted(told.get("items", []), key=lambda item: item["name"])
            if item["name"] > after
        )
        folders = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in told.get("prefixes", [])
        )
        self._answer(200, f"<ListBucketResult>{objects}{folders}</ListBucketResult>".encode())

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def main(emulator_url: str) -> None:
    """Serves on a free port, which it prints; a process of its own, since Delta's client holds the interpreter's lock."""
    with httpx.Client(base_url=emulator_url) as client:
        handler = type("BoundFront", (Front,), {"emulator": client, "writing": threading.Lock()})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
