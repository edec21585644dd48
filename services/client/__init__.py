"""Asking the model service from Python: typed, patient for as long as it is told to be, and never twice for one request."""

from services.client.client import ForecastClient
from services.client.errors import Refused, Unavailable
from services.client.files import BatchAnswer

__all__ = ["BatchAnswer", "ForecastClient", "Refused", "Unavailable"]
