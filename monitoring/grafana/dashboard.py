"""A board as Grafana's JSON, built with Grafana's own schema package."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from grafana_foundation_sdk.builders import annotationslist, common, prometheus, stat, statetimeline, text, timeseries
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as forms
from grafana_foundation_sdk.models import dashboard as schema
from grafana_foundation_sdk.models import text as text_schema

from monitoring.grafana.panel import Board, Panel, Query, Word
from monitoring.rules.ruleset import runbook_names

DATASOURCE = "evenkeel-prometheus"  # fixed: provisioned dashboards never resolve ${DS_…}
RUNBOOKS = "evenkeel-runbooks"  # the dashboard that holds them: whoever is called at night need not leave Grafana
MOST_RUNBOOKS = 1_000_000  # numbers to choose from
NO_RUNBOOK = "No runbook yet."
USECASES = 'label_values({__name__=~"evenkeel_champion_info|evenkeel_service_ready"}, usecase)'
SERIES = 'label_values(evenkeel_backtest_loss{usecase="$usecase"}, series)'
MARKS = (("Releases", "release", "blue"), ("Actions", "action", "orange"), ("Incidents", "incident", "red"))
Made = Any  # the builders of panels share methods, not a type


@dataclass(frozen=True)
class Links:
    """Addresses outside of Grafana, as a reader's browser reaches them: hidden variables of every dashboard.

    Attributes:
        prefect: Prefect's pages.
        reports: Evidently's reports for people.
    """

    prefect: str = "http://127.0.0.1:4200"
    reports: str = "http://127.0.0.1:9466"


def as_json(made: schema.Dashboard) -> str:
    """A dashboard as a file that Grafana provisions: sorted, so that a change is one line."""
    return json.dumps(made, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def build(board: Board, links: Links = Links()) -> schema.Dashboard:
    """The dashboard as the schema package knows it.

    Args:
        links: Addresses outside.

    Raises:
        ValueError: A value that Grafana's schema does not allow.
    """
    made = (
        built.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags(["evenkeel"])
        .readonly()
        .timezone("utc")
        .time(board.span, "now")
        .refresh("30s")
        .tooltip(schema.DashboardCursorSync.CROSSHAIR)
        .links(_links())
        .variables(_variables(links))
        .annotations([_annotation(*mark) for mark in MARKS])
    )
    number = 0
    for row in board.rows:
        number += 1
        made = made.with_row(built.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made = made.with_panel(_panel(panel, number))
    return made.build()


def runbook_board(pages: Mapping[str, str]) -> schema.Dashboard:
    """A dashboard of runbooks, one text for each alert.

    Args:
        pages: Alert -> its runbook in Markdown.
    """
    made = built.Dashboard("Evenkeel: runbooks").uid(RUNBOOKS).tags(["evenkeel"]).readonly().links(_links())
    made = made.description("What each alert means, and what to do about it.").timezone("utc").variables(_variables(Links()))
    for alert, number in runbook_numbers().items():
        page = text.Panel().mode(text_schema.TextMode.MARKDOWN).content(pages.get(alert, NO_RUNBOOK))
        made = made.with_panel(page.id(number).title(alert).span(24).height(14))
    return made.build()


def runbook_numbers() -> dict[str, int]:
    """Alert -> number of its panel on the dashboard of runbooks: from its name, so that a new alert moves no other's address."""
    return {alert: zlib.crc32(alert.encode()) % MOST_RUNBOOKS + 1 for alert in sorted(runbook_names())}


def _links() -> list[Builder[schema.DashboardLink]]:
    others = built.DashboardLink("Evenkeel").type(schema.DashboardLinkType.DASHBOARDS).tags(["evenkeel"]).include_vars(True)
    outside = {"Runs in Prefect": "${prefect}/runs", "Reports": "${reports}"}
    return [
        others.keep_time(True),
        *(
            built.DashboardLink(title).type(schema.DashboardLinkType.LINK).url(url).target_blank(True).icon("external link")
            for title, url in outside.items()
        ),
    ]


def _variables(links: Links) -> list[Builder[schema.VariableModel]]:
    return [
        _variable("usecase", "Use case", USECASES, several=False),
        _variable("series", "Series", SERIES, several=True),
        *(built.ConstantVariable(name).value(address) for name, address in asdict(links).items()),
    ]


def _variable(name: str, label: str, query: str, *, several: bool) -> built.QueryVariable:
    asked = {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    made = (
        built.QueryVariable(name)
        .label(label)
        .datasource(_source())
        .query(asked)
        .refresh(schema.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(schema.VariableSort.ALPHABETICAL_ASC)
        .multi(several)
        .include_all(several)
    )
    return made.all_value(".*").current(schema.VariableOption(text="All", value="$__all", selected=True)) if several else made


def _annotation(name: str, kind: str, color: str) -> built.AnnotationQuery:
    wanted = built.AnnotationTarget().limit(100).match_any(False).tags(["evenkeel", "$usecase", kind]).type("tags")
    grafana = schema.DataSourceRef(type_val="datasource", uid="-- Grafana --")
    return built.AnnotationQuery().name(name).datasource(grafana).enable(True).icon_color(color).target(wanted)


def _panel(panel: Panel, number: int) -> Made:
    made = MAKERS[panel.kind](panel).id(number).title(panel.title).description(panel.description)
    made = made.span(panel.width).height(panel.units).links(_runbooks(panel))
    if panel.kind == "marks":
        return made
    made = made.datasource(_source()).unit(panel.unit).mappings(_mappings(panel.words)).no_value("no data")
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_target(query, letter, latest=panel.kind in ("number", "name")))
        made = made.override_by_query(letter, DASHED) if query.limit else made
    least, most = panel.bounds
    made = made if least is None else made.min(least)
    return made if most is None else made.max(most)


def _target(query: Query, letter: str, *, latest: bool) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(_source())
    made = made.legend_format(query.legend) if query.legend else made
    return made.instant() if latest else made.range()


def _source() -> schema.DataSourceRef:
    return schema.DataSourceRef(type_val="prometheus", uid=DATASOURCE)


def _runbooks(panel: Panel) -> list[Builder[schema.DashboardLink]]:
    numbers = runbook_numbers()
    alerts = [alert.name for metric in panel.metrics for alert in metric.alerts]
    return [
        built.DashboardLink(f"Runbook {alert}")
        .type(schema.DashboardLinkType.LINK)
        .url(f"/d/{RUNBOOKS}?viewPanel={numbers[alert]}")
        for alert in alerts
    ]


def _mappings(words: tuple[Word, ...]) -> list[schema.ValueMapping]:
    if not words:
        return []
    named = {
        str(word.value): schema.ValueMappingResult(text=word.text, color=word.color, index=place)
        for place, word in enumerate(words)
    }
    return [schema.ValueMap(named)]


def _lines(_panel: Panel) -> Made:
    legend = common.VizLegendOptions().display_mode(forms.LegendDisplayMode.LIST).placement(forms.LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(forms.TooltipDisplayMode.MULTI).sort(forms.SortOrder.DESCENDING)
    made = timeseries.Panel().line_width(1.5).fill_opacity(6).show_points(forms.VisibilityMode.NEVER).span_nulls(False)
    return made.legend(legend.show_legend(True)).tooltip(tooltip)


def _number(_panel: Panel) -> Made:
    return _stat().text_mode(forms.BigValueTextMode.VALUE)


def _name(_panel: Panel) -> Made:
    return _stat().text_mode(forms.BigValueTextMode.NAME)


def _stat() -> stat.Panel:
    latest = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    made = stat.Panel().reduce_options(latest).graph_mode(forms.BigValueGraphMode.NONE)
    return made.color_mode(forms.BigValueColorMode.VALUE)


def _states(_panel: Panel) -> Made:
    legend = common.VizLegendOptions().display_mode(forms.LegendDisplayMode.HIDDEN).show_legend(False)
    return statetimeline.Panel().merge_values(True).row_height(0.8).fill_opacity(70).line_width(0).legend(legend)


def _marks(_panel: Panel) -> Made:
    return annotationslist.Panel().tags(["evenkeel", "$usecase"]).limit(50).show_time(True).show_tags(True).show_user(False)


MAKERS: dict[str, Callable[[Panel], Made]] = {
    "lines": _lines,
    "number": _number,
    "name": _name,
    "states": _states,
    "marks": _marks,
}
DASHED = [
    schema.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "red"}),
    schema.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
    schema.DynamicConfigValue("custom.fillOpacity", 0),
]
