"""How a serving process keeps its memory small."""

import gc
import subprocess
import sys
from pathlib import Path

from services.forecaster.memory import OLD_GENERATION
from services.forecaster.running import Running
from tests.services import tiny
from tests.services.conftest import installation, make_known

HEAPS = """
import ctypes, os, sys, tempfile, threading
from services.forecaster.memory import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
gate = threading.Barrier(5)

def allocate():
    gate.wait()
    libc.malloc(1000)
    gate.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
gate.wait()
gate.wait()
with tempfile.NamedTemporaryFile() as file:
    told = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, told)
    libc.fclose(told)
    print(open(file.name).read().count("<heap nr="))
"""


def heaps(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_share_one_heap__threads_get_none_of_their_own() -> None:
    assert heaps("apart") > 1
    assert heaps("shared") == 1


def test_running__what_was_loaded_is_out_of_the_collectors_sight(tmp_path: Path) -> None:
    place = installation(tmp_path)
    place.pointers.move(tiny.NAME, make_known(place, "1", "ridge"), None)
    running, before = Running(place), gc.get_threshold()
    assert gc.get_freeze_count() == 0

    running.start()
    try:
        running.serving()
        assert gc.get_freeze_count() > 10_000  # modules and the bundle's objects; an empty interpreter has fewer
        assert gc.get_threshold()[2] == OLD_GENERATION > before[2]
    finally:
        running.stop()
