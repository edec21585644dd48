"""The exit status of a command line: 0, or 1 with the error in words on standard error."""

import sys
from collections.abc import Callable

from model_code.errors import EvenkeelError


def exit_status(work: Callable[[], object]) -> int:
    """Do a command's work; what it returns is dropped.

    Returns:
        0; 1 after an error that Evenkeel raises on purpose. Others are let through, with their traceback.

    Example:
        >>> exit_status(lambda: "done")
        0
    """
    try:
        work()
    except EvenkeelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
