"""`python -m monitoring.platform_chart`: bring rules and dashboards to the chart `helm/platform`, which carries copies of them."""

from pathlib import Path

from monitoring.rules.files import RULES

HERE = Path(__file__).parent
DASHBOARDS = HERE / "grafana" / "dashboards"
FILES = HERE.parent / "helm" / "platform" / "files"


def wanted() -> dict[Path, str]:
    """File of the chart -> what it must hold."""
    boards = {FILES / "dashboards" / path.name: path.read_text() for path in sorted(DASHBOARDS.glob("*.json"))}
    return {FILES / RULES.name: RULES.read_text(), **boards}


def main() -> None:
    """Write what differs, remove what is no more."""
    files = wanted()
    for path in FILES.rglob("*.*"):
        if path.is_file() and path not in files:
            path.unlink()
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
            print(path)


if __name__ == "__main__":
    main()
