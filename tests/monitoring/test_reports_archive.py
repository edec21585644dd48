"""The folder of reports: bounded, listed, whole after a kill, served without a way out."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from monitoring.reports.archive import LEFT_BEHIND, Archive
from monitoring.reports.record import Record
from monitoring.reports.server import app_of
from tests.conftest import free_port

NAME = "demand"
START = datetime(2024, 1, 1, tzinfo=UTC)


def record(day: int, usecase: str = NAME, **told: object) -> Record:
    at = START + timedelta(days=day)
    fields = {
        "usecase": usecase, "at": at, "made_at": at, "occasion": "schedule", "bundle": "b", "verdict": "hold", "champion": "3",
        "drift_share": 0.25, "pages": {"drift": f"{at:%Y%m%dT%H%M%SZ}-drift.html"}, "assets": ("aa.js",),
    }  # fmt: skip
    return Record.model_validate({**fields, **told})


def keep(archive: Archive, *records: Record) -> None:
    for each in records:
        archive.keep(each, dict.fromkeys(each.pages.values(), "<p>page</p>"), dict.fromkeys(each.assets, "1;"))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_archive__lists_the_newest_first(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    keep(archive, record(1), record(9, verdict="retrain", reasons=("the <world> changed",)), record(3))
    assert [each.at.day for each in archive.records(NAME)] == [10, 4, 2]
    index = (tmp_path / NAME / "index.html").read_text()
    assert index.index("2024-01-10") < index.index("2024-01-04") < index.index("2024-01-02")
    assert "the &lt;world&gt; changed" in index
    assert "25%" in index
    assert "retrain" in (tmp_path / "index.html").read_text()


def test_archive__newest_looks_back_from_a_moment(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.newest(NAME, START) is None
    keep(archive, record(1), record(9))
    found = [archive.newest(NAME, START + timedelta(days=days)) for days in (0, 5, 9, 30)]
    assert [None if each is None else each.at.day for each in found] == [None, 2, 10, 10]


def test_archive__one_index_for_all_use_cases(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    keep(archive, record(1), record(2, "churn"))
    index = (tmp_path / "index.html").read_text()
    assert "churn/index.html" in index
    assert "demand/20240102T000000Z-drift.html" in index


@pytest.mark.parametrize(
    ("bounds", "left"), [((3, 1000), [10, 9, 8]), ((50, 4), [10, 9, 8, 7, 6]), ((1, 1), [10]), ((5, 0), [10])]
)
def test_archive__keeps_its_bounds_and_always_the_newest(tmp_path: Path, bounds: tuple[int, int], left: list[int]) -> None:
    archive = Archive(tmp_path)
    keep(archive, *(record(day) for day in range(10)))
    now = START + timedelta(days=9)
    gone = archive.prune(NAME, keep=bounds[0], max_age=timedelta(days=bounds[1]), now=now)
    assert [each.at.day for each in archive.records(NAME)] == left
    assert gone == 10 - len(left)
    assert len(names(tmp_path / NAME)) == 2 * len(left) + 1
    assert (tmp_path / "assets" / "aa.js").exists()


def test_archive__sweeps_what_killed_runs_left_but_not_what_is_being_written(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    keep(archive, record(1), record(2, assets=("bb.js",)))
    orphans = [tmp_path / NAME / "x-drift.html", tmp_path / NAME / ".y.html.7.new", tmp_path / "assets" / "old.js"]
    fresh = tmp_path / NAME / ".z.html.8.new"
    for path in (*orphans, fresh):
        path.write_text("half")
    for path in orphans:
        os.utime(path, (time.time() - 2 * LEFT_BEHIND,) * 2)
    archive.prune(NAME, keep=9, max_age=timedelta(days=99), now=START)
    assert not any(path.exists() for path in orphans)
    assert fresh.exists()
    assert names(tmp_path / "assets") == {"aa.js", "bb.js"}


def test_archive__a_record_that_it_cannot_read_hides_no_other(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    keep(archive, record(1))
    (tmp_path / NAME / "20250101T000000Z.json").write_text("{")
    (tmp_path / NAME / "20250102T000000Z.json").write_text('{"usecase": "older"}')
    assert [each.at.day for each in archive.records(NAME)] == [2]
    assert archive.newest(NAME, START + timedelta(days=999)) == record(1)


KILLED = """
import sys
from pathlib import Path
from tests.monitoring.test_reports_archive import Archive, keep, record
archive = Archive(Path(sys.argv[1]))
print("started", flush=True)
while True:
    for day in range(50):
        keep(archive, record(day, pages={"drift": f"{day}-drift.html"}))
"""


def test_archive__killed_anywhere_shows_nothing_half(tmp_path: Path) -> None:
    for round_ in range(2):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        while len(list((tmp_path / NAME).glob("*.json"))) < 3 + round_:
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        archive = Archive(tmp_path)
        for each in archive.records(NAME):
            assert all((tmp_path / NAME / name).read_text() == "<p>page</p>" for name in each.pages.values())
        assert (tmp_path / NAME / "index.html").read_text().endswith("</html>\n")
        keep(archive, record(60))  # its lock died with it


class Client:
    """Asks the application, paths as they are."""

    def __init__(self, folder: Path) -> None:
        self._transport = httpx.ASGITransport(app_of(folder))

    def request(self, method: str, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport) as client:
                url = httpx.URL(scheme="http", host="reports", raw_path=path.encode())
                return await client.request(method, url)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    keep(Archive(tmp_path / "reports"), record(1))
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "reports" / NAME / "link.html").symlink_to(tmp_path / "secret.html")
    (tmp_path / "reports" / NAME / "notes.sqlite").write_text("no page")
    return Client(tmp_path / "reports")


def test_server__serves_index_pages_and_assets(client: Client) -> None:
    assert "demand" in client.get("/").text
    assert client.get(f"/{NAME}/").status_code == 200
    assert client.get(f"/{NAME}/20240102T000000Z-drift.html").text == "<p>page</p>"
    asset = client.get("/assets/aa.js")
    assert "immutable" in asset.headers["cache-control"]
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/livez").text == "ok\n"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html", "/demand/../../secret.html", "/%2e%2e/secret.html", "/demand/%2e%2e/%2e%2e/secret.html",
        "/demand/link.html", "/.lock", "/demand/notes.sqlite", "/demand/%00.html", "/nothing.html", "//etc/passwd", "/demand%2f..%2f..%2fsecret.html",
    ],
)  # fmt: skip
def test_server__has_no_way_out(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_server__reads_only(client: Client, method: str) -> None:
    assert client.request(method, f"/{NAME}/index.html").status_code == 405


@pytest.mark.parametrize("path", ["/", "/nothing.html", "/livez", "/assets/aa.js"])
def test_server__every_answer_has_the_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_server__before_the_first_report_says_so(tmp_path: Path) -> None:
    empty = Client(tmp_path / "reports")
    assert "No report yet" in empty.get("/").text
    assert empty.get("/demand/").status_code == 404


def test_server__runs_as_a_program(tmp_path: Path) -> None:
    keep(Archive(tmp_path / "reports"), record(1))
    port = free_port()
    environment = {**os.environ, "EVENKEEL_HOME": str(tmp_path), "EVENKEEL_REPORTS_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "monitoring.reports", "serve"], env=environment, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert server.poll() is None
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/demand/index.html", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        assert "Reports of demand" in answer.text
    finally:
        server.terminate()
        assert server.wait(timeout=60) in (0, -signal.SIGTERM)
