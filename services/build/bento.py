"""The Bento of a release: the service's code, and the bundle as the model that it refers to."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from model_code.errors import EvenkeelError
from services.build.release import Release

CHECKOUT = Path(__file__).parents[2]


class BentoError(EvenkeelError):
    """A Bento could not be made."""

    title = "Bento not built"


def export_bento(release: Release, folder: Path) -> Path:
    """Build the Bento in a store of its own and export it, bundle included.

    Args:
        release: What to pack.
        folder: Where to; an earlier export is replaced.

    Returns:
        The exported Bento: `src/` (code), `models/` (the bundle), `bento.yaml`, `apis/openapi.yaml`.

    Raises:
        BentoError: BentoML refuses; its words are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="evenkeel-bento-") as scratch:
        target = Path(scratch) / "exported"
        # A process of its own: BentoML reads where its store is once, when it is imported, and the service its settings.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_")}
        environment |= {"BENTOML_HOME": str(Path(scratch) / "store"), "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": str(CHECKOUT)}
        absolute = release.model_copy(update={"folder": release.folder.resolve()})
        command = [sys.executable, "-m", "services.build.export", absolute.model_dump_json(), str(target)]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise BentoError(f"the Bento of {release.usecase} could not be built: {said}", hint="run make setup, then make check")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(target, folder)
    return folder


def bundle_in(bento: Path, release: Release) -> Path:
    """Where an exported Bento carries the release's bundle."""
    return bento / "models" / release.usecase / release.bundle[:16] / release.bundle
