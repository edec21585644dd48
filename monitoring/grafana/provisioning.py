"""Everything that Grafana reads at its start, as files: datasource, dashboards, alert rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from model_code.errors import ConfigurationError
from monitoring.grafana.alerts import FOLDER, alert_groups
from monitoring.grafana.boards import BOARDS
from monitoring.grafana.dashboard import DATASOURCE, RUNBOOKS, Links, as_json, build, runbook_board
from monitoring.rules.ruleset import runbook_names

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
HEAD = "# Made by `python -m monitoring.grafana`; change what it is made from, not this file.\n"


@dataclass(frozen=True)
class Addresses:
    """Where Grafana finds the others.

    Attributes:
        prometheus: As Grafana's server reaches it.
        links: As a reader's browser reaches them.
        dashboards: Folder of the dashboards, on Grafana's machine.
        scrape_seconds: How often Prometheus scrapes; rates look over at least four scrapes.
    """

    prometheus: str = "http://127.0.0.1:9467"
    links: Links = field(default_factory=Links)
    dashboards: str = "/var/lib/grafana/dashboards/evenkeel"
    scrape_seconds: float = 15.0


def files(where: Addresses = Addresses()) -> dict[str, str]:
    """Path below the folder -> content of each file, in the order of reading."""
    made = {f"dashboards/{board.name}.json": as_json(build(board, where.links)) for board in BOARDS}
    made[f"dashboards/{RUNBOOKS.removeprefix('evenkeel-')}.json"] = as_json(runbook_board(runbooks()))
    made["provisioning/datasources/evenkeel.yaml"] = _yaml({"apiVersion": 1, "datasources": [_datasource(where)]})
    made["provisioning/dashboards/evenkeel.yaml"] = _yaml({"apiVersion": 1, "providers": [_provider(where)]})
    made["provisioning/alerting/evenkeel.yaml"] = _yaml({"apiVersion": 1, "groups": alert_groups(where.scrape_seconds)})
    return made


def write(folder: Path, where: Addresses = Addresses()) -> list[Path]:
    """Write them, each whole or not at all, and remove dashboards that are no longer made.

    Raises:
        ConfigurationError: The folder cannot be written.
    """
    try:
        written = [_put(folder / name, content) for name, content in files(where).items()]
        for old in (folder / "dashboards").glob("*.json"):
            if old not in written:
                old.unlink()
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error}", hint="name a folder that can be written") from error
    return written


def runbooks(folder: Path = ROOT / "monitoring" / "runbooks") -> dict[str, str]:
    """Alert -> its runbook, of those that there are."""
    pages = {name: folder / f"{name}.md" for name in runbook_names()}
    return {name: page.read_text() for name, page in pages.items() if page.exists()}


def _put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(content)
    return unfinished.replace(path)


def _datasource(where: Addresses) -> dict[str, Any]:
    return {
        "name": "Evenkeel",
        "uid": DATASOURCE,
        "type": "prometheus",
        "access": "proxy",
        "url": where.prometheus,
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": f"{where.scrape_seconds:g}s"},
    }


def _provider(where: Addresses) -> dict[str, Any]:
    return {
        "name": "evenkeel",
        "orgId": 1,
        "folder": FOLDER,
        "folderUid": "evenkeel",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "options": {"path": where.dashboards},
    }


def _yaml(content: Mapping[str, Any]) -> str:
    return HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
