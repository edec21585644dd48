"""The beginning that all drills share, a home with its first model: made once for the same code, then copied."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from flows.demo.scenario import USECASE, Scenario
from flows.drill.opening import open_home
from flows.drill.script import TRAIN_AT

ROOT = Path(__file__).parent.parent.parent
KEPT = Path(".evenkeel/drill-beginnings")
DECIDES = ("model_code/**/*", "flows/drill/*.py", "flows/demo/scenario.py", "requirements/dev.txt")
"""What decides how it begins: patterns of files. Seeds, dates and incidents come after it."""
STARTED, CONTENTS = "started", "contents.json"


def begun(kept: Path = KEPT) -> Path:
    """The home as drills copy it: searched, trained, promoted. One that this code made is taken, if it is whole.

    Args:
        kept: Folder of such homes, each named after the code that made it.
    """
    folder = kept / digest_of(ROOT, _files())
    if not _whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder)
    return folder / STARTED


def open_started(folder: Path) -> Path:
    """A home with its first model, made anew in a folder."""
    world = Scenario(level_shift=None, bad_release=None).write_world(folder / "world.json")
    open_home(folder / STARTED, USECASE, TRAIN_AT, world)
    return folder / STARTED


def digest_of(root: Path, files: Iterable[Path]) -> str:
    """One digest of the names and bytes of files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _make(folder: Path) -> None:
    """Whole or not at all; where two make it at once, the first one's stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as making:
        made = Path(making) / folder.name
        open_started(made)
        (made / CONTENTS).write_text(json.dumps(_contents(made / STARTED), indent=1))
        try:
            made.rename(folder)
        except OSError:
            if not _whole(folder):
                raise


def _whole(folder: Path) -> bool:
    """Whether it holds what was put there, byte for byte."""
    told = folder / CONTENTS
    return told.exists() and json.loads(told.read_text()) == _contents(folder / STARTED)


def _contents(home: Path) -> dict[str, str]:
    files = (path for path in sorted(home.rglob("*")) if path.is_file())
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _files() -> list[Path]:
    found = (path for pattern in DECIDES for path in ROOT.glob(pattern))
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]
