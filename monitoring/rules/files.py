"""Rules and their tests as text."""

from pathlib import Path
from typing import Any

import yaml

from monitoring.rules.promtool import rule_tests
from monitoring.rules.ruleset import ruleset

RULES = Path(__file__).parent / "evenkeel.rules.yaml"
HEAD = "# Made by `python -m monitoring.rules` from model_code/metrics; change them there.\n"


def rules_text() -> str:
    """What `evenkeel.rules.yaml` must hold: the rules at the usual pace."""
    return written(ruleset())


def cases_text(rules: Path = RULES) -> str:
    """The tests of a rule file, for `promtool test rules`."""
    return written(rule_tests(str(rules)))


def written(content: dict[str, Any]) -> str:
    """As YAML, in the order in which it was made, without anchors."""
    return HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=130, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: the same labels stand out in full wherever they are used."""
        return True
