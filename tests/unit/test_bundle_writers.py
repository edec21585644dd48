"""Writers that are killed, run at once, meet damage, or cannot write."""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_code.bundle import BundleContents, load_bundle, write_bundle
from model_code.errors import BundleError
from tests.bundle_cases import edit_json, little_contents
from tests.forks import forking

CALLS = ("mkdir", "rename", "fsync")
MOST_CALLS = 40


def in_child(work: Callable[[], object]) -> int:
    """Do the work in a forked child; its exit code, or minus the signal that ended it."""
    with forking():
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(call: int) -> None:
    """From now on, the n-th call that changes the disk is where this process dies by SIGKILL."""
    calls = iter(range(1, 1000))

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return run

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    Path.write_bytes = counted(Path.write_bytes)  # type: ignore[method-assign]


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()} if root.is_dir() else set()


def test_write_bundle__killed_anywhere_leaves_a_whole_bundle_or_none(tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "naive")
    wanted = write_bundle(tmp_path / "sane", contents).hash
    states = []
    for call in range(1, MOST_CALLS):
        root = tmp_path / f"killed-{call}"
        code = in_child(lambda call=call, root=root: (killed_at(call), write_bundle(root, contents)))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        left = names(root)
        assert left <= {".lock", wanted} or any(name.startswith(".building-") for name in left)
        states.append(wanted in left)
        if wanted in left:
            load_bundle(root, wanted)
        assert write_bundle(root, contents).hash == wanted
        assert names(root) == {".lock", wanted}
        load_bundle(root, wanted)
    assert code == 0, "MOST_CALLS is too small: the last write was killed too"
    assert len(states) > 15
    assert not states[0], "killed at its first call, it cannot have written a bundle"
    assert states[-1], "killed at its last call, the bundle is there"
    assert states == sorted(states)


def test_write_bundle__many_writers_at_once(tmp_path: Path) -> None:
    root = tmp_path / "store"
    contents = [little_contents(tmp_path, "naive", seed=seed) for seed in (1, 2)]
    children = []
    for number in range(8):
        with forking():
            pid = os.fork()
        if pid == 0:
            try:
                ref = write_bundle(root, contents[number % 2])
                load_bundle(root, ref.hash)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 8
    refs = {write_bundle(root, each).hash for each in contents}
    assert len(refs) == 2
    assert names(root) == {".lock", *refs}


def test_write_bundle__written_again_it_stays_as_it_is(tmp_path: Path) -> None:
    contents: BundleContents = little_contents(tmp_path, "naive")
    first = write_bundle(tmp_path / "store", contents)
    inode = first.path.stat().st_ino
    assert write_bundle(tmp_path / "store", contents) == first
    assert first.path.stat().st_ino == inode


def damage_file(path: Path) -> None:
    edit_json(path / "profile.json", lambda _: {"loss": 0})


def damage_place(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.write_text("a file where the bundle should be")


def damage_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


@pytest.mark.parametrize("damage", [damage_file, damage_place, damage_link])
def test_write_bundle__replaces_a_damaged_bundle(damage: Callable[[Path], None], tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "naive")
    ref = write_bundle(tmp_path / "store", contents)
    damage(ref.path)
    with pytest.raises(BundleError):
        load_bundle(tmp_path / "store", ref.hash)
    write_bundle(tmp_path / "store", contents)
    load_bundle(tmp_path / "store", ref.hash)
    assert names(tmp_path / "store") - {"moved"} == {".lock", ref.hash}


def test_write_bundle__can_be_read_by_other_users(tmp_path: Path) -> None:
    ref = write_bundle(tmp_path / "store", little_contents(tmp_path, "naive"))
    assert ref.path.stat().st_mode & 0o777 == 0o755


def test_write_bundle__says_so_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = little_contents(tmp_path, "naive")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(BundleError, match=r"No space left.*check permissions and space"):
            write_bundle(tmp_path / "store", contents)
    assert names(tmp_path / "store") == {".lock"}
    write_bundle(tmp_path / "store", contents)


def test_write_bundle__says_so_when_the_store_is_no_folder(tmp_path: Path) -> None:
    contents = little_contents(tmp_path, "naive")
    (tmp_path / "store").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(tmp_path / "store", contents)
