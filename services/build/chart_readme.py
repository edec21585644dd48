"""`python -m services.build.chart_readme CHART …`: write a chart's README from its values and their comments."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][\w-]*):(?: +(?P<value>[^#\s](?:[^#]|(?<! )#)*?))?(?: +# (?P<said>.*))?$")
COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")


def values_of(text: str) -> Iterator[tuple[str, str, str]]:
    r"""Each key with a default or a comment: its path, its default as written, what is said of it.

    A comment belongs to the key below it, or to the key on its line.

    Example:
        >>> list(values_of("image:\n  # Never latest.\n  tag: x"))
        [('image.tag', 'x', 'Never latest.')]
    """
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        comment, found = COMMENT.match(line), LINE.match(line)
        if comment:
            said.append(comment["text"])
        elif found:
            path[len(found["indent"]) // 2 :] = [found["key"]]
            told = " ".join([*said, *([found["said"]] if found["said"] else [])])
            if found["value"] or told:
                yield ".".join(path), found["value"] or "", told
            said = []
        else:
            said = []


def readme(chart: Path) -> str:
    """What `README.md` of a chart must hold."""
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    rows = [
        f"| `{path}` | {f'`{default}`' if default else ''} | {said.replace('|', chr(92) + '|')} |"
        for path, default, said in values_of((chart / "values.yaml").read_text())
    ]
    return "\n".join(
        [
            f"<!-- Made by `python -m services.build.chart_readme helm/{about['name']}`; change values.yaml. -->",
            f"# {about['name']} {about['version']}",
            "",
            f"{about['description']} Kubernetes {about['kubeVersion'].removesuffix('-0')}.",
            "",
            "| key | default | |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main(charts: Sequence[str]) -> None:
    """Write the README of each chart."""
    for chart in map(Path, charts):
        (chart / "README.md").write_text(readme(chart))
        print(chart / "README.md")


if __name__ == "__main__":
    main(sys.argv[1:])
