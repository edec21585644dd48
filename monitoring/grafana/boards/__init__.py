"""The dashboards, in the order in which one reads them."""

from model_code.metrics import CATALOGUE
from monitoring.grafana.boards.drift import DRIFT
from monitoring.grafana.boards.incidents import INCIDENTS
from monitoring.grafana.boards.loop import LOOP
from monitoring.grafana.boards.quality import QUALITY
from monitoring.grafana.boards.serving import SERVING
from monitoring.grafana.rest import with_the_rest

BOARDS = with_the_rest((LOOP, QUALITY, DRIFT, SERVING, INCIDENTS), CATALOGUE)

__all__ = ["BOARDS"]
