"""Programs that are driven from here: found, and ended with the program that started them."""

import shutil

from model_code.errors import RolloutError

# A killed rollout leaves no program that goes on by itself.
BOUND = ("setpriv", "--pdeathsig", "TERM")


def bound(program: str, hint: str) -> list[str]:
    """The beginning of a command: that program, which dies with this one where `setpriv` is installed.

    Args:
        program: Its name.
        hint: What to do where it is not installed.

    Raises:
        RolloutError: It is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise RolloutError(f"{program} is not installed", hint=hint)
    return [*(BOUND if shutil.which(BOUND[0]) else ()), found]
