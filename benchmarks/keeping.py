"""What keeping a prediction costs: CPU of `keep`, and of the mover per record and row, into SQLite and PostgreSQL.

`python -m benchmarks.keeping [POSTGRESQL_URL]`: a table in Markdown. CPU time is what other work on the machine spoils
least; the wall time beside it says how many rows a second the mover gets into the store alone.
"""

import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from model_code.kept.frames import frame
from model_code.kept.record import Kept, encode
from services.keeping.committer import StoreKeeper
from services.keeping.segment import Segment
from services.keeping.sink import prepare_table, program_environment
from services.keeping.spool import SEGMENT_BYTES, SpoolKeeper
from services.keeping.spool_folder import SpoolFolder

FEATURES = 20
SINGLE, MANY = 40_000, 80  # records of one row, and of 1,000
RUN = os.urandom(4).hex()


def record(number: int, rows: int) -> Kept:
    """A record as `/predict` keeps it, with the features that were given."""
    return Kept(
        request_id=f"{RUN}-{rows}-{number:024d}",
        usecase="demand_victoria",
        route="predict",
        version="12",
        bundle="a" * 64,
        asked_by="bench",
        made_at=time.time_ns() // 1000,
        latency=321,
        origin=None,
        entity=None,
        time=None,
        lead_seconds=None,
        value=struct.pack(f"<{rows}d", *range(rows)),
        lower=None,
        upper=None,
        features=os.urandom(FEATURES * rows * 8).replace(b"\xff", b"\x00"),
        features_hash=None,
    )


@contextmanager
def spent() -> Iterator[dict[str, float]]:
    """CPU and wall seconds of this process inside the block."""
    found = {"cpu": -time.process_time(), "wall": -time.perf_counter()}
    yield found
    found["cpu"] += time.process_time()
    found["wall"] += time.perf_counter()


def cost_of_keep(folder: Path) -> None:
    """Microseconds of `SpoolKeeper.keep` for records of one row, with the store down so that nothing else runs."""
    keeper = SpoolKeeper(folder, "sqlite:////proc/none/none.db", bound=1 << 30)
    records = [record(number, 1) for number in range(SINGLE)]
    time.sleep(3)  # the mover has found out
    worst = 0.0
    with spent() as found:
        for each in records:
            before = time.perf_counter()
            keeper.keep(each)
            worst = max(worst, time.perf_counter() - before)
    keeper.close()
    print(
        f"keep, one row: {found['cpu'] / SINGLE * 1e6:.1f} µs CPU, {found['wall'] / SINGLE * 1e6:.1f} µs wall, worst {worst * 1e3:.2f} ms"
    )


def cost_of_moving(folder: Path, url: str, count: int, rows: int) -> None:
    """What the mover needs for so many records, its start taken off."""
    prepare_table(url)
    spool = SpoolFolder(folder)
    start = _mover(spool, url)
    segment = Segment(folder)
    for number in range(count):
        if segment.size >= SEGMENT_BYTES:
            segment.close()
            segment = Segment(folder)
        segment.write(frame(encode(record(number, rows))))
    segment.close()
    done = _mover(spool, url)
    cpu, wall = (done[0] - start[0]) / count, (done[1] - start[1]) / count
    kind = url.partition(":")[0]
    print(
        f"| {kind} | {rows:,} | {cpu * 1e6:,.1f} | {cpu / rows * 1e6:.1f} | {rows / wall:,.0f} | {done[2] / 2**20:.0f} |",
        flush=True,
    )


def _mover(spool: SpoolFolder, url: str) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory of a mover that empties the spool and ends."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "services.keeping.mover", "--spool", str(spool.path)]
    peak = 0
    with subprocess.Popen(command, env=program_environment(url), stdin=subprocess.DEVNULL) as mover:
        while mover.poll() is None:
            try:
                peak = max(peak, psutil.Process(mover.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - began, peak


def cost_of_commits(url: str) -> None:
    """Group commits of records of one row, 64 in flight."""
    keeper = StoreKeeper(url)
    keeper.keep(record(-1, 1)).result()
    records = [record(10**6 + number, 1) for number in range(SINGLE // 4)]
    with spent() as found:
        waiting = []
        for each in records:
            waiting.append(keeper.keep(each))
            if len(waiting) == 64:
                waiting.pop(0).result()
        for future in waiting:
            future.result()
    keeper.close()
    kind, n = url.partition(":")[0], len(records)
    print(
        f"group commit into {kind}, 64 in flight: {found['cpu'] / n * 1e6:.1f} µs CPU, {n / found['wall']:,.0f} records a second"
    )


def main() -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cost_of_keep(folder / "keep")
        urls = [f"sqlite:///{folder / 'state.db'}", *sys.argv[1:]]
        print(
            "\n| store | rows a record | mover CPU µs a record | µs a row | rows a second | peak MB |\n|---|---|---|---|---|---|"
        )
        for number, url in enumerate(urls):
            cost_of_moving(folder / f"single{number}", url, SINGLE, 1)
            cost_of_moving(folder / f"many{number}", url, MANY, 1000)
        print()
        for url in urls:
            cost_of_commits(url)


if __name__ == "__main__":
    main()
