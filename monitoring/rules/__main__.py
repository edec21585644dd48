"""`python -m monitoring.rules [test]`: write the rules anew; `test` has promtool check and test them."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from monitoring.rules.files import RULES, cases_text, rules_text


def main() -> int:
    """Exit code 0; promtool's own where it finds something."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.rules", description="Prometheus' rules from the catalogue.")
    parser.add_argument("word", nargs="?", choices=["write", "test"], default="write")
    if parser.parse_args().word == "write":
        RULES.write_text(rules_text())
        print(RULES)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        tests = Path(folder) / "tests.yaml"
        tests.write_text(cases_text())
        checked = subprocess.run(["promtool", "check", "rules", str(RULES)], check=False)
        return checked.returncode or subprocess.run(["promtool", "test", "rules", str(tests)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
