"""What the machine allows: nginx, one worker, answers every request with a constant. No Python, no model, nothing kept.

Where even its slowest hundredth takes many times its median, the machine's own stalls are what a p99 of fractions of a
millisecond tells.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

FLOOR = "nginx, a constant"
ANSWER = '{"values":[{"value":5000.0}]}'
WAIT_SECONDS = 10.0
CONFIGURATION = """
daemon off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error.log;
events {}
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
  uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
  server { listen 127.0.0.1:%(port)d; location / { default_type application/json; return 200 '%(answer)s'; } }
}
"""


@contextmanager
def floor(port: int) -> Iterator[str | None]:
    """Its address while it runs; None where nginx is not installed."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bench-floor-") as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(CONFIGURATION % {"folder": folder, "port": port, "answer": ANSWER})
        running = subprocess.Popen([program, "-p", folder, "-e", f"{folder}/error.log", "-c", str(file)])
        try:
            url = f"http://127.0.0.1:{port}/"
            _await(url)
            yield url
        finally:
            running.terminate()
            running.wait()


def _await(url: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
