import itertools
import math
import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import msgspec
import pytest

from model_code.errors import InvalidRequest, StoreError
from model_code.kept.frames import frame
from model_code.kept.record import encode
from model_code.kept.rows import COLUMNS, rows_of
from services.keeping.committer import StoreKeeper
from services.keeping.keeper import SpoolFull
from services.keeping.open_sink import open_sink
from services.keeping.segment import Segment
from services.keeping.sink import RowRefused, program_environment
from services.keeping.spool import SpoolKeeper
from services.keeping.spool_folder import SpoolFolder
from tests.forks import forking
from tests.services.keeping import doubles, record, request_ids
from tests.waiting import until

BOUND = 200_000


def drained(folder, url):
    """Runs a mover until the spool is empty or the store refuses; what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "services.keeping.mover", "--spool", str(folder)],
        env=program_environment(url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def fill_up(keeper, name, n=1, **fields):
    """Keeps records until they are refused for good; what was acknowledged, and the refusal."""
    kept, before, refusal = {}, -1, None
    while len(kept) > before:  # a refusal may be early by what was written while the keeper looked
        before = len(kept)
        for number in itertools.count(before):
            try:
                kept[f"{name}{number}"] = keeper.keep(record(f"{name}{number}", n, **fields))
            except SpoolFull as error:
                refusal = error
                break
        time.sleep(1)
    return kept, refusal


def segment_of(folder, *messages):
    segment = Segment(folder)
    for each in messages:
        segment.write(frame(each))
    segment.close()
    return segment.path.with_suffix(".ready")


def test_spool__bridges_an_outage_of_the_store_up_to_its_bound_and_says_so(tmp_path, server):
    keeper = SpoolKeeper(tmp_path, server.url, bound=BOUND)
    keeper.keep(record("before"))
    until(lambda: not keeper.standing.pending_bytes)
    server.stop()
    kept, refusal = fill_up(keeper, "r")
    assert refusal.status == 503
    assert refusal.retry_after > 0
    until(lambda: keeper.standing.store_down_since is not None)
    standing = keeper.standing
    assert BOUND * 0.85 < standing.pending_bytes <= BOUND
    assert "bound" in standing.refusing
    assert standing.error
    with pytest.raises(SpoolFull):
        keeper.keep(record("refused"))
    server.start()
    until(lambda: not keeper.standing.refusing)
    keeper.keep(record("after"))
    until(lambda: not keeper.standing.pending_bytes)
    keeper.close()
    assert Counter(request_ids(server.url)) == Counter(["before", *kept, "after"])
    assert (keeper.standing.store_down_since, keeper.standing.error) == (None, "")


def test_spool__left_full_by_a_dead_service_is_counted_by_the_next_one(tmp_path):
    down = "sqlite:////proc/none/state.db"
    first = SpoolKeeper(tmp_path, down, bound=BOUND)
    assert len(fill_up(first, "r")[0]) > 100
    first.close()
    second = SpoolKeeper(tmp_path, down, bound=BOUND)
    fill_up(second, "s")
    second.close()
    assert BOUND * 0.85 < SpoolFolder(tmp_path).survey().pending_bytes <= BOUND


def test_spool__whose_folder_was_removed_refuses_and_makes_it_again(tmp_path):
    folder, url = tmp_path / "spool", f"sqlite:///{tmp_path / 'state.db'}"
    keeper = SpoolKeeper(folder, url, bound=BOUND)
    keeper.keep(record("before"))
    until(lambda: not keeper.standing.pending_bytes)
    shutil.rmtree(folder)
    until(folder.exists)
    until(lambda: not keeper.standing.refusing)
    keeper.keep(record("after"))
    keeper.close()
    assert sorted(request_ids(url)) == ["after", "before"]


def test_spool__of_a_parent_is_refused_in_a_forked_child(tmp_path):
    keeper = SpoolKeeper(tmp_path / "spool", f"sqlite:///{tmp_path / 'state.db'}", bound=BOUND)
    child = multiprocessing.get_context("fork").Process(target=keep_in_child, args=(keeper,))
    with forking():
        child.start()
    child.join(60)
    keeper.close()
    assert child.exitcode == 7


def keep_in_child(keeper):
    try:
        keeper.keep(record())
    except SpoolFull as error:
        os._exit(7 if "forked" in str(error) else 1)


def test_spool__a_record_that_never_fits_is_the_callers_mistake(tmp_path):
    keeper = SpoolKeeper(tmp_path / "spool", f"sqlite:///{tmp_path / 'state.db'}", bound=1 << 16)
    with pytest.raises(InvalidRequest, match="chunks"):
        keeper.keep(record(n=10_000))
    assert keeper.standing.refusing == ""
    keeper.close()


def test_mover__a_damaged_record_is_set_aside_and_the_rest_is_moved(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.db'}"
    folder = SpoolFolder(tmp_path / "spool")
    path = segment_of(folder.path, *(encode(record(f"r{i}")) for i in range(5)))
    data = bytearray(path.read_bytes())
    data[data.index(b"r2")] ^= 1
    path.write_bytes(data)
    status, said = drained(folder.path, url)
    assert (status, sorted(request_ids(url))) == (0, ["r0", "r1", "r3", "r4"])
    assert "cannot be read" in said
    keeper = SpoolKeeper(folder.path, url, bound=BOUND)
    assert (keeper.standing.set_aside, keeper.standing.pending_bytes) == (1, 0)
    keeper.close()
    assert [each.suffix for each in folder.path.glob("*.damaged")] == [".damaged"]
    assert next(folder.path.glob("*.damaged")).read_bytes() == data


def test_mover__a_torn_record_was_never_acknowledged(tmp_path):
    url = f"sqlite:///{tmp_path / 'state.db'}"
    folder = SpoolFolder(tmp_path / "spool")
    path = segment_of(folder.path, encode(record("r0")), encode(record("r1")))
    path.write_bytes(path.read_bytes()[:-10])
    assert drained(folder.path, url) == (0, "")
    assert request_ids(url) == ["r0"]
    assert folder.survey().set_aside == 0


@pytest.mark.parametrize("wrong", [{"value": doubles(math.nan)}, {"version": None}, {"entity": ["a", "b"]}, {"made_at": 10**18}])
def test_mover__a_record_that_the_store_never_takes_is_set_aside_and_does_not_stop_the_others(tmp_path, sql_url, wrong):
    folder = SpoolFolder(tmp_path / "spool")
    refused = msgspec.msgpack.encode(record("wrong", **wrong))
    path = segment_of(folder.path, encode(record("r0")), refused, encode(record("r1")))
    status, said = drained(folder.path, sql_url)
    assert (status, sorted(request_ids(sql_url))) == (0, ["r0", "r1"])
    assert "refused" in said
    assert folder.survey().set_aside == 1
    assert path.with_suffix(".refused").read_bytes() == frame(refused)


def test_mover__leaves_the_spool_as_it_is_while_the_store_is_down(tmp_path):
    path = segment_of(SpoolFolder(tmp_path).path, encode(record()))
    before = path.read_bytes()
    status, said = drained(tmp_path, "postgresql://nobody:secret@127.0.0.1:9/none")
    assert status == 1
    assert "takes no records" in said
    assert "secret" not in said
    assert path.read_bytes() == before


def test_sink__a_row_that_the_store_never_takes_costs_no_connection(sql_url):
    sink = open_sink(sql_url)
    good = rows_of(record("good"))
    bad = list(rows_of(record("bad"))[0])
    bad[COLUMNS.index("version")] = None
    with pytest.raises(RowRefused):
        sink.add([*good, tuple(bad)])
    assert sink.add(good) == 1
    assert sink.add(good) == 0
    sink.close()
    assert request_ids(sql_url) == ["good"]


def test_store_keeper__acknowledges_nothing_while_the_store_is_down_and_goes_on_afterwards(server):
    keeper = StoreKeeper(server.url)
    keeper.keep(record("before")).result(60)
    server.stop()
    lost = [keeper.keep(record(f"lost{i}")) for i in range(3)]
    for each in lost:
        with pytest.raises(StoreError):
            each.result(60)
    assert keeper.standing.refusing
    assert keeper.standing.store_down_since is not None
    server.start()
    until(lambda: not keeper.standing.refusing)  # by itself: a service that is not ready is not asked
    keeper.keep(record("after")).result(60)
    keeper.close()
    assert sorted(request_ids(server.url)) == ["after", "before"]


def test_store_keeper__says_that_a_frozen_store_takes_nothing_and_loses_nothing_of_what_waits(server):
    keeper = StoreKeeper(server.url, silent_seconds=0.5)
    keeper.keep(record("before")).result(60)
    with server.frozen():
        under_way = keeper.keep(record("under way"))
        until(lambda: keeper.standing.refusing)
        standing = keeper.standing
        with pytest.raises(SpoolFull, match="has not answered"):
            keeper.keep(record("refused"))
        assert not under_way.done()
    under_way.result(60)
    until(lambda: not keeper.standing.refusing)
    keeper.close()

    assert "no answer for" in standing.refusing
    assert standing.store_down_since is not None
    assert sorted(request_ids(server.url)) == ["before", "under way"]


def test_store_keeper__one_record_that_the_store_never_takes_fails_alone(sql_url):
    keeper = StoreKeeper(sql_url)
    futures = [keeper.keep(record(f"r{i}", version=None if i == 7 else "1")) for i in range(20)]
    failed = [i for i, each in enumerate(futures) if each.exception(60) is not None]
    keeper.close()
    assert failed == [7]
    assert len(request_ids(sql_url)) == 19


def test_store_keeper__commits_what_gathers_together_and_resolves_each_after_its_commit(sql_url):
    keeper = StoreKeeper(sql_url)
    futures = {f"r{i}": keeper.keep(record(f"r{i}")) for i in range(500)}
    futures["r499"].result(60)
    assert all(each.done() for each in futures.values())
    assert len(request_ids(sql_url)) == 500
    keeper.close()


def test_store_keeper__refuses_more_than_it_can_hold(tmp_path):
    path = tmp_path / "state.db"
    url = f"sqlite:///{path}"
    request_ids(url)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")  # the committer waits for its turn
    keeper = StoreKeeper(url)
    futures, _ = fill_up(keeper, "r", 10, features=bytes(800_000))
    blocker.execute("ROLLBACK")
    blocker.close()
    for each in futures.values():
        each.result(60)
    keeper.close()
    assert set(request_ids(url)) == set(futures)


def test_store_keeper__close_commits_what_waits_and_takes_no_more(sql_url):
    keeper = StoreKeeper(sql_url)
    futures = [keeper.keep(record(f"r{i}")) for i in range(50)]
    keeper.close()
    assert all(each.done() for each in futures)
    assert len(request_ids(sql_url)) == 50
    with pytest.raises(SpoolFull):
        keeper.keep(record())
