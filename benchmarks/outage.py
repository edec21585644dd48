"""Stop PostgreSQL under load: the spool takes what is answered up to its bound, then the service says so; nothing is lost.

Run: `python -m benchmarks.outage [--minutes 2]` (needs wrk and PostgreSQL). The load goes on all the time. Once the spool is
full, answers are 503 with Retry-After and readiness is off, with the reason; once PostgreSQL is back, the service takes
requests again by itself. In the end each acknowledged request must be in PostgreSQL exactly once.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.serving import ours
from benchmarks.serving.acknowledged import Asked, search
from benchmarks.serving.drilled import DrilledService
from benchmarks.serving.load import need_wrk
from benchmarks.serving.results import FOLDER
from benchmarks.serving.server import post
from benchmarks.serving.trained import train
from tests.postgresql import PostgresqlServer, initdb

BEFORE_SECONDS = 5.0
AFTER_SECONDS = 5.0
LOOK_SECONDS = 0.25
CATCH_UP_SECONDS = 900.0
SLACK = 1 << 20  # bytes: a segment that was being written when the bound was noticed


@dataclass
class Watched:
    """What was seen from outside while PostgreSQL was down and afterwards.

    Attributes:
        fullest: Most bytes that waited in the spool.
        refused_after: Seconds of outage until the service said that it is not ready; None where it never had to.
        reason: What it said.
        wrong: Seconds at which it was ready with a full spool, or not ready without a reason.
        retry_after: Whether a refused request was told when to come again; None where none was refused.
        back_after: Seconds from PostgreSQL's return until the service was ready.
        stored_after: Seconds from PostgreSQL's return until the spool was empty.
    """

    fullest: int = 0
    refused_after: float | None = None
    reason: str = ""
    answered_503: int = 0
    wrong: list[str] = field(default_factory=list)
    back_after: float = 0.0
    stored_after: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop, wait, start, search, tell; 1 where something is lost or was not said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long PostgreSQL is away")
    parser.add_argument("--connections", type=int, default=8, help="that ask at the same time")
    parser.add_argument("--spool-bytes", type=int, default=64 << 20, help="bound of the spool")
    parser.add_argument("--port", type=int, default=21340, help="of the service; PostgreSQL has the next one")
    parser.add_argument("--quick", action="store_true", help="twelve seconds and a spool that fills; nothing is written")
    given = parser.parse_args(arguments)
    need_wrk()
    program = initdb()
    if program is None:
        raise SystemExit("PostgreSQL is not installed (on Debian: apt-get install postgresql)")
    minutes, bound = (0.2, 1 << 20) if given.quick else (given.minutes, given.spool_bytes)
    database = PostgresqlServer(program, given.port + 1)
    database.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-outage-") as folder:
            more = {"EVENKEEL_SQL_URL": database.url, "EVENKEEL_SPOOL_BYTES": str(bound)}
            service = DrilledService(Path(folder), train(Path(folder)), given.port, 1, more)
            try:
                service.start()
                told = drill(service, database, minutes, bound, given.connections)
            finally:
                service.end()
    finally:
        database.stop()
        database.remove()
    print(f"{told['promise']}: {told['measured']}")
    if not given.quick:
        (FOLDER / "outage.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0 if told["kept"] else 1


def drill(service: DrilledService, database: PostgresqlServer, minutes: float, bound: int, connections: int) -> dict[str, object]:
    """The outage; what came of it."""
    watched = Watched()
    with service.load(connections) as load:
        time.sleep(BEFORE_SECONDS)
        database.stop()
        print(f"PostgreSQL is down for {minutes:g} min", flush=True)
        try:
            watch(service, watched, minutes * 60, bound)
        finally:
            database.start()
        recover(service, watched)
        time.sleep(AFTER_SECONDS)
    back = time.monotonic()
    service.caught_up(CATCH_UP_SECONDS)
    watched.stored_after = time.monotonic() - back
    return conclude(service, load.done, watched, minutes, bound)


def watch(service: DrilledService, watched: Watched, seconds: float, bound: int) -> None:
    """Look at the service while PostgreSQL is away."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        waiting = ours.waiting(service.folder)
        status, reason = service.readiness()
        watched.fullest = max(watched.fullest, waiting)
        if status != 200 and watched.refused_after is None:
            watched.refused_after, watched.reason = passed, reason
            print(f"not ready after {passed:.0f} s with {waiting:,} bytes waiting: {reason}", flush=True)
        if status not in (200, 503) or (status == 503 and not reason):
            watched.wrong.append(f"{passed:.0f} s: readiness {status} {reason}")
        if status == 503 and not watched.answered_503:
            watched.answered_503 = int(refuses(service))
        time.sleep(LOOK_SECONDS)
    if watched.fullest > bound + SLACK:
        watched.wrong.append(f"{watched.fullest} bytes waited in a spool bounded to {bound}")


def refuses(service: DrilledService) -> bool:
    """Whether a prediction is refused with 503 now."""
    body = json.dumps({"rows": service.trained.rows[:1].tolist()}).encode()
    return post(service.port, "/predict", body, ours.headers(service.folder))[0] == 503


def recover(service: DrilledService, watched: Watched) -> None:
    """Wait until the service is ready again, by itself."""
    began = time.monotonic()
    service.wait_ready()
    watched.back_after = time.monotonic() - began
    print(f"PostgreSQL is back; ready {watched.back_after:.1f} s later", flush=True)


def conclude(service: DrilledService, asked: Asked, watched: Watched, minutes: float, bound: int) -> dict[str, object]:
    """Search for everything that was acknowledged."""
    found = search(asked, service.engine)
    full = (
        f"its spool of {bound >> 20} MiB was full after {watched.refused_after:.0f} s and the service said so"
        if watched.refused_after is not None
        else f"{watched.fullest / 1e6:.0f} MB waited, below the bound"
    )
    said = not asked.refused or watched.refused_after is not None
    return {
        "promise": f"PostgreSQL away for {minutes:g} min under load: nothing acknowledged is lost, a full spool is said",
        "measured": f"{found.lost} of {found.acknowledged:,} lost, {found.doubled} doubled; {full}; all stored {watched.stored_after:.0f} s after the load",
        "kept": not found.lost
        and not found.doubled
        and not watched.wrong
        and not asked.broken
        and said
        and found.acknowledged > 0,
        "acknowledged": found.acknowledged,
        "lost": found.lost,
        "doubled": found.doubled,
        "refused": asked.refused,
        "broken": asked.broken,
        "late": asked.late,
        "seen": asdict(watched),
    }


if __name__ == "__main__":
    sys.exit(main())
