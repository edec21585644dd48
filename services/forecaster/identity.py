"""Request ids: what a caller may give as one, and ours where none was given."""

import itertools
import os
import re

REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,200}")  # printable ASCII: an id goes back in a header
_process = os.urandom(12).hex()
_count = itertools.count()


def new_id() -> str:
    """An id that no other process makes: random for each process, counted within it, without a system call each time.

    Example:
        >>> new_id() != new_id()
        True
    """
    return f"{_process}{next(_count):08x}"
