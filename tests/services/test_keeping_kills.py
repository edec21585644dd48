import fcntl
import os
import random
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import psutil

from model_code.kept.frames import frame
from model_code.kept.record import encode
from services.keeping.mover import _move
from services.keeping.segment import Segment
from services.keeping.sink import program_environment
from services.keeping.spool import SpoolKeeper
from services.keeping.spool_folder import SpoolFolder
from tests.services.keeping import program, record, request_ids
from tests.services.keeping_writer import REFUSED
from tests.waiting import until

KILLS = 30


class Writer:
    """A running writer, and what it was told is kept."""

    def __init__(self, folder, url, name, most, *more):
        arguments = [str(folder), name, str(most), *map(str, more)]
        self.process = program(url, "tests.services.keeping_writer", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.name = name
        self._told = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while data := os.read(self.process.stdout.fileno(), 1 << 16):
            self._told += data

    @property
    def told(self):
        whole = len(self._told) // 4
        return struct.unpack(f"<{whole}I", bytes(self._told[: whole * 4]))

    def kill(self):
        self.process.kill()
        return self.end()

    def end(self):
        self.process.wait(60)
        self._reader.join(60)
        self.process.stdin.close()
        self.process.stdout.close()
        return {f"{self.name}-{number}" for number in self.told if number != REFUSED}


@contextmanager
def spool_keeper(folder, url, bound=256 << 20):
    keeper = SpoolKeeper(folder, url, bound=bound)
    try:
        yield keeper
    finally:
        keeper.close()


def movers(folder):
    """The movers of a spool, whoever started them."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        command = each.info["cmdline"] or []
        if "services.keeping.mover" in command and str(folder) in command:
            found.append(each)
    return found


def assert_all_are_stored(acknowledged, url, unacknowledged=0):
    counted = Counter(request_ids(url))
    assert set(counted.values()) <= {1}
    assert acknowledged - set(counted) == set()
    assert len(set(counted) - acknowledged) <= unacknowledged


def test_spool__nothing_acknowledged_is_lost_when_writers_are_killed(tmp_path):
    url, folder, chance = f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "spool", random.Random(4)
    acknowledged = set()
    for number in range(KILLS):
        writer = Writer(folder, url, f"w{number}", 100_000)
        until(lambda writer=writer: writer.told)
        time.sleep(chance.uniform(0, 0.04))
        acknowledged |= writer.kill()
    with spool_keeper(folder, url) as keeper:
        until(lambda: not keeper.standing.pending_bytes)
    assert len(acknowledged) > 10 * KILLS
    assert_all_are_stored(acknowledged, url, unacknowledged=KILLS)  # written, and killed before it was told
    assert SpoolFolder(folder).survey().set_aside == 0


def test_spool__two_writers_share_a_folder_and_one_mover(tmp_path, sql_url):
    folder = tmp_path / "spool"
    writers = [Writer(folder, sql_url, name, 3000) for name in ("a", "b")]
    until(lambda: all(len(writer.told) > 1000 for writer in writers))
    until(lambda: len(movers(folder)) == 1)
    acknowledged = writers[0].kill()
    time.sleep(0.3)
    acknowledged |= writers[1].kill()
    with spool_keeper(folder, sql_url) as keeper:
        until(lambda: not keeper.standing.pending_bytes)
    assert_all_are_stored(acknowledged, sql_url, unacknowledged=2)


def test_mover__killed_at_any_moment_it_loses_and_doubles_nothing(tmp_path, sql_url):
    chance = random.Random(5)
    folder = SpoolFolder(tmp_path / "spool")
    request_ids(sql_url)  # makes the table
    names = set()
    for number in range(8):
        names |= fill(folder, f"round{number}", segments=30, records=50)
        before = len(folder.survey().segments)
        with program(sql_url, "services.keeping.mover", "--spool", str(folder.path), stdin=subprocess.PIPE) as mover:
            until(lambda before=before: len(folder.survey().segments) < before)
            time.sleep(chance.uniform(0, 0.03))
            mover.kill()
    subprocess.run(
        [sys.executable, "-m", "services.keeping.mover", "--spool", str(folder.path)],
        env=program_environment(sql_url),
        stdin=subprocess.DEVNULL,
        check=True,
    )
    assert folder.survey().segments == ()
    assert_all_are_stored(names, sql_url)


def fill(folder, name, segments, records):
    """Sealed segments; the names of the requests in them."""
    names = set()
    for _ in range(segments):
        segment = Segment(folder.path)
        for _ in range(records):
            names.add(request_id := f"{name}-{len(names)}")
            segment.write(frame(encode(record(request_id))))
        segment.close()
    return names


def test_spool__a_killed_mover_is_replaced(tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "spool"
    with spool_keeper(folder, url) as keeper:
        until(lambda: movers(folder))
        [mover] = movers(folder)
        mover.kill()
        mover.wait(60)
        keeper.keep(record())
        until(lambda: not keeper.standing.pending_bytes)
        assert [each.pid for each in movers(folder)] != [mover.pid]
    assert request_ids(url) == ["r1"]
    until(lambda: not movers(folder))


def test_mover__ends_after_its_parent_and_moves_what_was_left(tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "spool"
    writer = Writer(folder, url, "w", 2000)
    until(lambda: movers(folder) and writer.told)
    acknowledged = writer.kill()
    until(lambda: not movers(folder))
    assert_all_are_stored(acknowledged, url, unacknowledged=1)
    assert SpoolFolder(folder).survey().segments == ()


class Leaving:
    """A parent that ends while the mover has had nothing to do for long, and lets go of its segment a look later."""

    def __init__(self, segment):
        self.gone, self._waits, self._segment = False, 0, segment

    def wait(self, seconds):
        self._waits += 1
        self.gone = self._waits >= 5
        if self._waits == 6:
            os.close(self._segment)


def test_mover__looks_again_after_its_parent_s_end_however_idle_it_was(tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'state.db'}", SpoolFolder(tmp_path / "spool")
    path = folder.path / "00000000000000000001-1-0.open"
    path.write_bytes(frame(encode(record("last"))))
    segment = os.open(path, os.O_WRONLY)
    fcntl.flock(segment, fcntl.LOCK_EX)

    assert _move(folder, Leaving(segment), url) == 0

    assert request_ids(url) == ["last"]
    assert folder.survey().segments == ()


def test_spool__a_full_disk_is_refused_and_taken_up_again(tmp_path):
    url, folder = f"sqlite:///{tmp_path / 'state.db'}", tmp_path / "spool"
    writer = Writer(folder, url, "w", 5000, 100_000)
    until(lambda: REFUSED in writer.told)
    before = len(writer.told)
    writer.process.stdin.write(b"more\n")
    writer.process.stdin.flush()
    until(lambda: len(writer.told) > before + 100)
    writer.process.stdin.write(b"end\n")
    writer.process.stdin.flush()
    assert_all_are_stored(writer.end() | {"first"}, url)
    assert SpoolFolder(folder).survey().set_aside == 0
