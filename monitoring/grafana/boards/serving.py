"""Serving: does the model service answer, fast, with the wanted bundle, and is every prediction kept?"""

from monitoring.grafana.panel import Board, Panel, Query, Row, Word
from monitoring.grafana.queries import chosen, gauge, quantile, rate

FINE, WRONG = Word(0, "no", "green"), Word(1, "yes", "red")
REQUESTS = chosen("evenkeel_service_requests_total")
FAILED = chosen("evenkeel_service_requests_total", 'status=~"5.."')

ANSWERS = Row(
    "Answers",
    (
        Panel(
            "Ready",
            "Whether the wanted bundle answers, by replica.",
            (gauge("evenkeel_service_ready", "{{instance}}"),),
            kind="states",
            width=8,
            words=(Word(0, "not ready", "red"), Word(1, "ready", "green")),
        ),
        Panel(
            "Requests",
            "Answers a second by HTTP status.",
            (rate("evenkeel_service_requests_total", ("status",)),),
            "reqps",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Requests that failed",
            "Share of answers with a status from 500 on.",
            (Query(f"(sum(rate({FAILED}[$__rate_interval])) or vector(0)) / sum(rate({REQUESTS}[$__rate_interval]))", "5xx"),),
            "percentunit",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Latency",
            "Half of the requests, and all but one of a hundred, are faster.",
            (
                quantile("evenkeel_service_latency_seconds", 0.5, legend="p50"),
                quantile("evenkeel_service_latency_seconds", 0.99, legend="p99"),
            ),
            "s",
            bounds=(0, None),
        ),
        Panel(
            "Latency by route, p99",
            "Which way in is slow.",
            (quantile("evenkeel_service_latency_seconds", 0.99, ("route",)),),
            "s",
            bounds=(0, None),
        ),
    ),
)
BUNDLES = Row(
    "Bundles",
    (
        Panel(
            "Bundle that answers",
            "By version; during a switch a replica changes from one to the other between two requests.",
            (Query(f"max by (version) ({chosen('evenkeel_service_bundle_info')}) == 1", "version {{version}}"),),
            kind="states",
            words=(Word(1, "answers", "blue"),),
        ),
        Panel(
            "Switches",
            "Bundles that the pointer asked for, by what became of them; a refused one left the old bundle answering.",
            (gauge("evenkeel_service_switches_total", "{{outcome}}"),),
            bounds=(0, None),
        ),
    ),
)
KEEPING = Row(
    "Predictions kept",
    (
        Panel(
            "Predictions kept",
            "A second.",
            (rate("evenkeel_service_predictions_total", legend="kept"),),
            "ops",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Waiting for the store",
            "Bytes in the spool; at the line the service refuses to answer.",
            (
                gauge("evenkeel_service_spool_bytes", "waiting"),
                Query(f"max({chosen('evenkeel_service_spool_limit_bytes')})", "refuses at", limit=True),
            ),
            "bytes",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Longest wait for the store",
            "Age of the oldest prediction in the spool.",
            (gauge("evenkeel_service_spool_age_seconds", "oldest"),),
            "s",
            width=8,
            bounds=(0, None),
        ),
        Panel(
            "Trouble with keeping",
            "Store down: answers go on, predictions wait. Refusing: nothing is answered. Set aside: files for a person to look at.",
            (
                gauge("evenkeel_service_store_down", "store down"),
                gauge("evenkeel_service_spool_refusing", "refusing"),
                Query(f"{chosen('evenkeel_service_spool_set_aside')} > bool 0", "files set aside"),
            ),
            kind="states",
            width=24,
            words=(FINE, WRONG),
        ),
    ),
)
SERVING = Board(
    "evenkeel-serving",
    "Evenkeel: serving",
    "Does the model service answer, fast, with the wanted bundle, and is every prediction kept?",
    (ANSWERS, BUNDLES, KEEPING),
    "now-24h",
)
