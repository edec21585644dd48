"""A container engine's command that builds nothing: it tells what it was asked to build, and finds that again."""

import json
import sys
from pathlib import Path

PROGRAM = f"""#!{sys.executable}
import json, pathlib, sys

store, (command, *rest) = pathlib.Path(__file__).parent, sys.argv[1:]
if command == "build":
    name, base = rest[rest.index("--tag") + 1], next(each for each in rest if each.startswith("BASE="))
    told = [{{"Id": base, "Size": 1, "RootFS": {{"Layers": ["one"]}}}}]
    (store / name.replace(":", "@")).write_text(json.dumps(told))
    with (store / "built").open("a") as built:
        built.write(json.dumps([name, base.removeprefix("BASE=")]) + "\\n")
elif (command, rest[0]) == ("image", "inspect"):
    found = store / rest[1].replace(":", "@")
    if not found.exists():
        sys.exit(f"Error: No such image: {{rest[1]}}")
    print(found.read_text())
"""


def pretended(folder: Path) -> str:
    """The command, below an empty folder."""
    program = folder / "docker"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return str(program)


def built(program: str) -> list[list[str]]:
    """What it was asked to build, in order: the name of each image, and of its base."""
    return [json.loads(line) for line in (Path(program).parent / "built").read_text().splitlines()]
