"""The bearer token that Alertmanager shows: from the environment, else made once and kept in a file for its owner alone."""

import os
import secrets
from pathlib import Path

from model_code.errors import ConfigurationError
from model_code.settings import Settings

NAME = "bridge.token"


def token_file(settings: Settings) -> Path:
    """Where Alertmanager reads it (`credentials_file`)."""
    return settings.home.resolve() / "run" / NAME


def ensure_token(settings: Settings) -> str:
    """The token in force; afterwards the file holds it, mode 0600.

    Two programs that start at once agree on one token.

    Raises:
        ConfigurationError: The file cannot be written or is open to others, or the token is too short to be one.
    """
    path = token_file(settings)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if settings.bridge_token:
            _place(path, settings.bridge_token, replace=True)
        elif not path.exists():
            _place(path, secrets.token_urlsafe(32), replace=False)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path} can be read by others", hint=f"chmod 600 {path}")
        found = path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error}", hint="the bridge's token lies there") from error
    if len(found) < 16:
        raise ConfigurationError("the bridge's token has fewer than 16 characters", hint=f"remove {path}, or set a longer one")
    return found


def _place(path: Path, token: str, *, replace: bool) -> None:
    """Written beside, then moved or linked to its place: it is whole wherever it is."""
    beside = path.with_name(f"{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    if replace:
        beside.replace(path)
        return
    try:
        os.link(beside, path)
    except FileExistsError:
        pass  # another program was first: its token is the one
    finally:
        beside.unlink()
