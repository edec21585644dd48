"""What a Dockerfile takes from its build context."""

import re
from pathlib import Path


def copied_by(dockerfile: Path) -> set[str]:
    """Names of the files that its steps copy; those from other stages are none of the context's."""
    steps = re.findall(r"^(?:COPY|ADD) (?!--from)(.*) \S+$", dockerfile.read_text(), re.MULTILINE)
    return {name for step in steps for name in step.split()}
