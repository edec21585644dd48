"""The bill of materials of an image: every package with its hashes, by cyclonedx-bom, and the model that it serves."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model_code.errors import EvenkeelError
from services.build.release import Release


class BillError(EvenkeelError):
    """The bill of materials could not be written."""

    title = "Bill of materials failed"


def write_bill(requirements: Path, release: Release, target: Path) -> Path:
    """Write a CycloneDX document (JSON) of a lock file's packages and of the release's bundle.

    The operating system's packages are those of the base image; the image keeps their list (`/var/lib/dpkg/status`).

    Args:
        requirements: The lock file, with hashes.
        release: What the image serves.
        target: The document; the same input gives the same bytes.

    Raises:
        BillError: cyclonedx-bom refuses.
    """
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"bundle-{release.bundle}",
        "name": release.usecase,
        "version": release.version,
        "hashes": [{"alg": "SHA-256", "content": release.bundle}],
        "properties": [{"name": "evenkeel:family", "value": release.family}],
    }
    return write_bill_with([requirements], [model], target)


def write_bill_with(locks: Sequence[Path], components: Sequence[Mapping[str, Any]], target: Path) -> Path:
    """Write a CycloneDX document (JSON) of the packages of lock files and of further components.

    Raises:
        BillError: cyclonedx-bom refuses.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON", "-"]
    given = "".join(lock.read_text() for lock in locks)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BillError(f"cyclonedx-bom: {done.stderr.strip()[-1000:]}", hint="is the environment set up (make setup)?")
    document = json.loads(done.stdout)
    document.setdefault("components", []).extend(components)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    return target
