"""The container engine, through its command: what is installed on a build machine anyway."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_code.errors import EvenkeelError

HINT = "start an engine (dockerd), or name its command: DOCKER=/usr/bin/docker"
WITHOUT_PLUGIN = 23  # clients before this version have BuildKit built in


class EngineError(EvenkeelError):
    """There is no container engine, or it refuses."""

    status = 503
    title = "Container engine failed"


class Engine:
    """One container engine.

    Args:
        program: Its command. Default: `DOCKER`, else the first `docker` in the PATH that can use BuildKit.

    Raises:
        EngineError: No such command, or no engine behind it.
    """

    def __init__(self, program: str | None = None) -> None:
        self.program = program or os.environ.get("DOCKER") or _with_buildkit()
        self.run("version", "--format", "{{.Server.Version}}")

    def run(self, *arguments: str) -> str:
        """What the command prints.

        Raises:
            EngineError: It fails; the end of what it said is in the message.
        """
        environment = os.environ | {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        try:
            done = subprocess.run([self.program, *arguments], env=environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise EngineError(f"cannot run {self.program}: {error.strerror or error}", hint=HINT) from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-3000:]
            raise EngineError(f"{self.program} {arguments[0]}: {said}", hint=HINT if "daemon" in said else "")
        return done.stdout

    def inspect(self, image: str) -> dict[str, Any] | None:
        """What the engine knows of an image; None where it has none of that name."""
        try:
            found: list[dict[str, Any]] = json.loads(self.run("image", "inspect", image))
        except EngineError as error:
            if "no such image" in error.message.lower():
                return None
            raise
        return found[0]

    def build(
        self, folder: Path, image: str, *, arguments: Sequence[tuple[str, str]], secrets: Sequence[tuple[str, Path]]
    ) -> None:
        """Build an image.

        Args:
            folder: The build context.
            image: Name and tag.
            arguments: Build arguments.
            secrets: Name and file of what a build step may read, but no layer keeps.

        Raises:
            EngineError: The build fails.
        """
        options = [option for name, value in arguments for option in ("--build-arg", f"{name}={value}")]
        options += [option for name, path in secrets for option in ("--secret", f"id={name},src={path}")]
        self.run("build", "--network", "host", *options, "--tag", image, str(folder))

    def check(self, image: str, module: str) -> str:
        """What a Python module prints in a container of the image: no network, nothing writable but /tmp.

        Raises:
            EngineError: It fails.
        """
        closed = ("--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/home/evenkeel:uid=10001")  # noqa: S108
        return self.run("run", *closed, "--entrypoint", "python", image, "-m", module)


def _with_buildkit() -> str:
    folders = os.get_exec_path()
    candidates = [found for folder in folders if (found := shutil.which("docker", path=folder))]
    return next((each for each in candidates if _has_buildkit(each)), candidates[0] if candidates else "docker")


def _has_buildkit(program: str) -> bool:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = shown.partition("version ")[2].partition(".")[0]
    if version.isdigit() and int(version) < WITHOUT_PLUGIN:
        return True
    return subprocess.run([program, "buildx", "version"], capture_output=True, check=False).returncode == 0
