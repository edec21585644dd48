"""What a store says when the disk, the folder or the table is bad, and that nothing is half-written then."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from model_code.data.delta import Table
from model_code.data.frames import to_arrow
from model_code.data.store import ObservationStore
from model_code.errors import DataError, StoreError
from tests.store_cases import START, observations

LATER = START + timedelta(days=365)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> ObservationStore:
    store = ObservationStore(str(folder))
    store.append("uc", "load", observations([1.0, 2.0]))
    store.append("uc", "load", observations([3.0, 4.0], entity="b"))
    return store


def table(folder: Path) -> Path:
    return folder / "uc" / "load" / "observations"


@pytest.mark.parametrize("content", [None, b"", b"garbage{{{"])
@pytest.mark.parametrize("pattern", ["*.parquet", "_delta_log/*00.json"])
def test_store__a_damaged_table_says_so(store: ObservationStore, folder: Path, pattern: str, content: bytes | None) -> None:
    victim = sorted(table(folder).glob(pattern))[0]
    victim.unlink() if content is None else victim.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged.*backfill") as told:
        store.as_of("uc", "load", LATER)
    assert str(table(folder)) in str(told.value)
    with pytest.raises(StoreError, match="damaged"):
        store.append("uc", "load", observations([5.0], entity="c"))


def test_store__an_unknown_version_says_so(store: ObservationStore) -> None:
    with pytest.raises(StoreError, match="ask for a version that the table has"):
        store.as_of("uc", "load", LATER, version=99)


def test_store__a_file_in_place_of_the_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="must be a folder"):
        ObservationStore(str(tmp_path / "file")).append("uc", "load", observations([1.0]))


AS_NOBODY = """
import os, sys
from datetime import timedelta
from tests_store_cases import LATER, START, observations
from model_code.data.store import ObservationStore
from model_code.errors import StoreError
folder = sys.argv[1]
store = ObservationStore(folder)
store.append("uc", "load", observations([1.0, 2.0]))
os.system(f"chmod -R a-w,a+rX {folder}")
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    store.append("uc", "load", observations([3.0], entity="b"))
except StoreError as error:
    print("TOLD", error)
print("ROWS", len(store.as_of("uc", "load", START + timedelta(days=9))))
"""


def child(script: str, *arguments: str) -> str:
    """What a script prints in a process of its own, which has the limits or the user that it gives itself."""
    script = script.replace(
        "from tests_store_cases import LATER,",
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]\nfrom store_cases import",
    )
    script += (
        "import os, sys\nsys.stdout.flush()\nos._exit(0)\n"  # a write that failed may end in a thread when Python is half gone
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_store__a_read_only_folder_says_so_and_stays_readable(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("read_only")
    below = len(Path(tempfile.gettempdir()).parts)
    for parent in [each for each in (folder, *folder.parents) if len(each.parts) > below]:
        parent.chmod(parent.stat().st_mode | 0o055)
    told = child(AS_NOBODY, str(folder / "store"))
    assert "TOLD cannot write" in told
    assert "make the folder writable" in told
    assert "ROWS 2" in told


LIMITED = """
import resource, sys
from datetime import timedelta
from tests_store_cases import LATER, START, observations
import numpy as np
from model_code.data.store import ObservationStore
from model_code.errors import StoreError
store = ObservationStore(sys.argv[1])
store.append("uc", "load", observations([1.0, 2.0]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
many = observations(np.random.default_rng(0).random(20_000), step=timedelta(seconds=1), entity="b")
try:
    store.append("uc", "load", many)
except StoreError as error:
    print("TOLD", error)
print("ROWS", len(store.as_of("uc", "load", START + timedelta(days=9))))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print("AGAIN", store.append("uc", "load", many).inserted)
"""


def test_store__a_write_that_does_not_fit_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    told = child(LIMITED, str(tmp_path))
    assert "TOLD cannot write" in told
    assert "nothing of it was stored" in told
    assert "ROWS 2" in told
    assert "AGAIN 20000" in told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk; the limit on file sizes is tested instead")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_store__a_full_disk_says_so_and_leaves_nothing(small_disk: Path) -> None:
    store = ObservationStore(str(small_disk / "store"))
    store.append("uc", "load", observations([1.0, 2.0]))
    many = observations(list(np.random.default_rng(0).random(50_000)), step=timedelta(seconds=1))
    with pytest.raises(StoreError, match="free some space"):
        store.append("uc", "load", many)
    assert len(store.as_of("uc", "load", LATER)) == 2
    assert store.append("uc", "load", observations([3.0], entity="b")).inserted == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop(columns="known_at"), "no column known_at"),
        (lambda rows: rows.assign(known_at=rows["known_at"].where(rows["load"] < 0)), "rows without known_at"),
        (lambda rows: rows.assign(time=rows["time"].dt.tz_localize(None)), "no time zone"),
        (lambda rows: rows.assign(load="many"), "must be numbers"),
    ],
)
def test_append__refuses_what_is_no_observation_frame(folder: Path, change: object, words: str) -> None:
    store = ObservationStore(str(folder))
    with pytest.raises(DataError, match=words):
        store.append("uc", "load", change(observations([1.0])))  # type: ignore[operator]
    assert not folder.exists()


def test_as_of__refuses_a_moment_without_zone(store: ObservationStore) -> None:
    with pytest.raises(DataError, match="without a zone"):
        store.as_of("uc", "load", START.replace(tzinfo=None))


def test_append__nothing_to_append_makes_no_table(folder: Path) -> None:
    store = ObservationStore(str(folder))
    assert store.append("uc", "load", observations([])).version == -1
    assert not store.exists("uc", "load")


def test_append__first_commits_at_once_double_nothing(tmp_path: Path) -> None:
    rows = observations([1.0, 2.0])
    for number in range(8):
        store = ObservationStore(str(tmp_path / str(number)))
        with ThreadPoolExecutor(3) as pool:
            inserted = sum(done.inserted for done in pool.map(lambda _: store.append("uc", "load", rows), range(3)))  # noqa: B023
        assert inserted == len(store.revisions("uc", "load")) == 2


def test_append__looks_again_if_another_append_came_in_between(store: ObservationStore, folder: Path) -> None:
    rows = to_arrow(observations([9.0], entity="z"))
    looks = []

    def only_new(state: DeltaTable) -> pa.Table:
        looks.append(state.version())
        if len(looks) == 1:
            store.append("uc", "load", observations([9.0], entity="z"))
            return rows
        return rows.slice(0, 0)

    assert Table(str(table(folder))).append(rows, only_new) == (2, 0)
    assert looks == [1, 2]
    assert len(store.revisions("uc", "load")) == 5


def test_append__a_new_column_joins_the_old_ones(store: ObservationStore) -> None:
    store.append("uc", "load", observations([7.0], entity="c").assign(wind=3.0))
    store.append("uc", "load", observations([8.0], entity="d"))
    read = store.as_of("uc", "load", LATER)
    assert read["wind"].isna().sum() == 5
    assert read["load"].tolist() == [1.0, 2.0, 3.0, 4.0, 7.0, 8.0]


def test_append__survives_a_compaction_in_between(store: ObservationStore) -> None:
    with ThreadPoolExecutor(2) as pool:
        compacted = pool.submit(store.compact, "uc", "load", [], timedelta(days=1))
        appended = [pool.submit(store.append, "uc", "load", observations([float(n)], entity=f"n{n}")) for n in range(6)]
        assert sum(run.result().inserted for run in appended) == 6
        compacted.result()
    assert len(store.as_of("uc", "load", LATER)) == 10


def test_compact__keeps_files_of_the_retention_and_orphans_of_writers_under_way(store: ObservationStore, folder: Path) -> None:
    orphan = table(folder) / "part-00000-11111111-1111-1111-1111-111111111111-c000.zstd.parquet"
    orphan.write_bytes(b"half a file")
    old = store.version("uc", "load")
    assert store.compact("uc", "load", [], timedelta(days=7)) == 0
    assert orphan.exists()
    assert len(store.as_of("uc", "load", LATER, version=old)) == 4
    os.utime(orphan, (0, 0))
    store.compact("uc", "load", [old], timedelta(days=7))
    assert not orphan.exists()


@pytest.mark.full
def test_store__many_versions_stay_readable(folder: Path) -> None:
    store = ObservationStore(str(folder))
    versions = [store.append("uc", "load", observations([float(n)], entity=f"{n:03}")).version for n in range(105)]
    store.compact("uc", "load", [versions[3], versions[50]], timedelta(0))
    assert len(store.as_of("uc", "load", LATER, version=versions[3])) == 4
    assert len(store.as_of("uc", "load", LATER, version=versions[50])) == 51
    assert len(store.as_of("uc", "load", LATER)) == 105
