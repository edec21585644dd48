"""Health of the loop: do data, forecasts, truth and flows arrive, and does the watching itself work?"""

from monitoring.grafana.panel import Board, Panel, Query, Row, Word
from monitoring.grafana.queries import age, chosen, gauge, limit

NO, YES = Word(0, "no", "green"), Word(1, "yes", "red")
MONITOR = chosen("evenkeel_flow_last_success_timestamp_seconds", 'flow="monitor"')

NOW = Row(
    "Now",
    (
        Panel(
            "Champion",
            "The version that answers.",
            (gauge("evenkeel_champion_info", "version {{version}}"),),
            kind="name",
            width=4,
        ),
        Panel(
            "Verdict",
            "What the policy said last.",
            (Query(f"{chosen('evenkeel_verdict')} == 1", "{{verdict}}"),),
            kind="name",
            width=4,
        ),
        Panel(
            "Asks for a person",
            "Whether the policy's last verdict calls somebody.",
            (gauge("evenkeel_verdict_pages", ""),),
            kind="number",
            width=4,
            words=(NO, YES),
        ),
        Panel(
            "Monitor last ran",
            "How long ago a monitor run succeeded.",
            (Query(f"time() - {MONITOR}"),),
            "s",
            "number",
            width=4,
        ),
        Panel(
            "Released",
            "How long the champion has been out.",
            (gauge("evenkeel_release_age_seconds", ""),),
            "s",
            "number",
            width=4,
        ),
        Panel(
            "Actions under way",
            "More than 0 for long: somebody died in the middle; the next run completes or voids it.",
            (gauge("evenkeel_open_intents", ""),),
            kind="number",
            width=4,
        ),
    ),
)
FRESHNESS = Row(
    "Freshness",
    (
        Panel(
            "Age of the data",
            "Climbs while no data arrive; above the line they count as at fault, and nothing is acted on.",
            (gauge("evenkeel_data_age_seconds", "data"), limit("max_data_age_seconds", "at fault above")),
            "s",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Age of the newest forecast",
            "A sawtooth with the period of the forecasts; above the line one was missed.",
            (gauge("evenkeel_prediction_age_seconds", "forecast"), limit("max_prediction_age_seconds", "missed above")),
            "s",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Age of the newest judged forecast",
            "How late the truth is; above the line evidence counts as none.",
            (gauge("evenkeel_truth_age_seconds", "truth"), limit("max_evidence_age_seconds", "no evidence above")),
            "s",
            width=8,
            bounds=(0, None),
        ),
    ),
)
DATA = Row(
    "Data",
    (
        Panel(
            "Rows in quarantine",
            "Share of the last week's rows that validation set aside; above the line the data are at fault.",
            (gauge("evenkeel_quarantined_share", "quarantined"), limit("max_quarantined", "at fault above")),
            "percentunit",
            bounds=(0, None),
        ),
        Panel(
            "Faults in the data",
            "Stuck, swapped or shifted columns: the data are wrong, not the model.",
            (gauge("evenkeel_data_faults", "{{kind}}"),),
            bounds=(0, None),
        ),
    ),
)
FLOWS = Row(
    "Flows",
    (
        Panel(
            "Since each flow succeeded",
            "A sawtooth for each schedule; the line is where a monitor run was missed.",
            (age("evenkeel_flow_last_success_timestamp_seconds"), limit("max_monitor_age_seconds", "monitor missed above")),
            "s",
            bounds=(0, None),
        ),
        Panel(
            "Since each flow failed",
            "Small after a failure; a flow that never failed has no line.",
            (age("evenkeel_flow_last_failure_timestamp_seconds"),),
            "s",
            bounds=(0, None),
        ),
    ),
)
WATCHING = Row(
    "Watching the watcher",
    (
        Panel(
            "Since the exporter read the database",
            "Seconds; it climbs while the database cannot be read.",
            (age("evenkeel_exporter_last_read_timestamp_seconds", "exporter"),),
            "s",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Since each metric was written",
            "The oldest of the monitor's metrics: one that lags behind the others is no longer told.",
            (Query(f"topk(10, time() - {chosen('evenkeel_metric_written_timestamp_seconds')})", "{{metric}}"),),
            "s",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Series left out",
            "Above 0 a label took more values than the catalogue allows.",
            (gauge("evenkeel_exporter_dropped_series", "dropped"),),
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Alerts to the bridge",
            "Alerts that Alertmanager sent within six hours, by what they were to the bridge.",
            (Query(f"sum by (received) (increase({chosen('evenkeel_bridge_alerts_total')}[6h]))", "{{received}}"),),
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Incidents on their way to Prefect",
            "Above 0 for long: Prefect does not take them.",
            (
                gauge("evenkeel_bridge_waiting_incidents", "waiting"),
                Query(f"1 - {chosen('evenkeel_bridge_prefect_up')}", "Prefect down"),
            ),
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Longest wait of an alert",
            "From Alertmanager's message to the event in Prefect; of a message to a person, since it was first refused.",
            (
                gauge("evenkeel_bridge_oldest_waiting_seconds", "for Prefect"),
                gauge("evenkeel_bridge_undelivered_page_seconds", "for a person"),
            ),
            "s",
            width=8,
            bounds=(0, None),
        ),
    ),
)
LOOP = Board(
    "evenkeel-loop",
    "Evenkeel: health of the loop",
    "Do data, forecasts, truth and flows arrive, and does the watching itself work?",
    (NOW, FRESHNESS, DATA, FLOWS, WATCHING),
)
