"""Environments of the peers: one each, made from its pinned and hashed requirements when it is missing or they changed."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ENVIRONMENTS = CHECKOUT / ".peers"
REQUIREMENTS = CHECKOUT / "requirements"


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing."""
    requirements = REQUIREMENTS / f"peers-{name}.txt"
    folder = ENVIRONMENTS / name
    stamp = folder / f".ready-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]}"
    python = folder / "bin" / "python"
    if not stamp.exists():
        print(f"Making the environment of {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        # Copies, not links into a cache: whatever is done to another environment, this one stays what its lock file says.
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--link-mode", "copy"]
        install += ["--require-hashes", "--compile-bytecode"]
        subprocess.run([*install, "-r", str(requirements)], check=True)
        stamp.touch()
    return python
