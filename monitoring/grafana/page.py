"""docs/dashboards.md: what each dashboard and each panel shows, in words, made from the same descriptions."""

from collections.abc import Sequence

from monitoring.grafana.panel import Board, Panel

HEAD = """# Dashboards

Made by `python -m monitoring.grafana write` from `monitoring/grafana/boards/` and the catalogue of metrics; change them there.

- **Into Grafana**: `python -m monitoring.grafana provision FOLDER` writes what Grafana reads at its start, with this installation's
  addresses: `FOLDER/dashboards/*.json` (where `options.path` of the provider says) and `FOLDER/provisioning/` (Grafana's
  `paths.provisioning`). Committed under `monitoring/grafana/` as they are for one machine.
- **Datasource**: always `evenkeel-prometheus`. **Variables**: `usecase`, and `series` where a metric is told for each.
- **Dashed lines** are thresholds, the very numbers that the policy uses, exported as `evenkeel_threshold`.
- **Marks** on every dashboard: releases, actions and incidents of the ledger, written as annotations at the end of the flows
  `monitor` and `act`, where the ledger recorded them, with the tags `evenkeel`, use case, kind (`EVENKEEL_GRAFANA_URL`,
  `EVENKEEL_GRAFANA_TOKEN` of a service account that may write annotations). What a failure left out, the next run writes; `python -m monitoring.annotations USECASE` writes it now.
- **Runbooks** are a dashboard of their own; each panel links to those of its metrics' alerts.
- **Alert rules** in `provisioning/alerting/` are the catalogue's and one for each metric that must not be missing, for places without
  Alertmanager. Where Alertmanager runs, leave that file out, or one is told everything twice. Two of them ask for what Prometheus'
  recording rules keep (`monitoring/rules/evenkeel.rules.yaml`), which it has to load in either case.
- A metric that no panel was drawn for gets one by itself, in a last row *Also measured*.

**How it was checked.** No Grafana server was available where this was built. The JSON is built and read back by Grafana's schema package
(`grafana-foundation-sdk`); every query runs against a real Prometheus, and a panel without data fails the tests; annotations go to
a fake that speaks Grafana's HTTP (`monitoring/grafana/fake.py`). The pictures are not Grafana's: they are drawn from the same
queries, answered by a real Prometheus that was fed six weeks of a made-up story (`python -m monitoring.grafana pictures`): a bad release
that is rolled back, a shift of the level that is answered by a retrain, and late data.
"""


def page(boards: Sequence[Board]) -> str:
    """The page, with a picture and a table of panels for each board."""
    return "\n".join([HEAD, *(_board(board) for board in boards)])


def _board(board: Board) -> str:
    title = board.title.removeprefix("Evenkeel: ")
    head = f"## {title[0].upper()}{title[1:]}\n\n{board.says}\n\n![{title}](dashboards/{board.name}.png)\n"
    rows = [_panel(row.title, panel) for row in board.rows for panel in row.panels]
    return "\n".join([head, "| row | panel | how to read it | metrics |", "|---|---|---|---|", *rows, ""])


def _panel(row: str, panel: Panel) -> str:
    metrics = ", ".join(f"`{metric.name}`" for metric in panel.metrics) or "–"
    return f"| {row} | {panel.title} | {panel.says.replace('|', '/')} | {metrics} |"
