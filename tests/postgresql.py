"""A PostgreSQL server of a test's own, in a temporary folder, that can be stopped and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


def initdb() -> Path | None:
    """PostgreSQL's initdb; None where it is not installed."""
    found = shutil.which("initdb") or next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)
    return Path(found).resolve() if found else None


class PostgresqlServer:
    """A server with one database, on loopback.

    Args:
        initdb: Where that program lies; its folder has the others.
        port: A free port.
    """

    def __init__(self, initdb: Path, port: int) -> None:
        # PostgreSQL refuses to run as root, and its user must reach the folder.
        self._as_user: dict[str, Any] = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="evenkeel-pg-"))
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._control = [initdb.parent / "pg_ctl", "-D", self._folder / "data", "-w"]
        self._options = f"-p {port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        self.url = f"postgresql://evenkeel@127.0.0.1:{port}/postgres"
        data = ["-D", self._folder / "data", "-U", "evenkeel", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        self._run([initdb, *data])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run([*self._control, "-o", self._options, "-l", self._folder / "log", "start"])

    def stop(self) -> None:
        """Stop it at once, as a crash would."""
        self._run([*self._control, "-m", "immediate", "stop"])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile it hears and says nothing, and its connections stay open."""
        postmaster = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                process.resume()

    def remove(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._folder)

    def _run(self, command: list[Any]) -> None:
        subprocess.run(command, check=True, cwd=self._folder, stdout=subprocess.DEVNULL, **self._as_user)
