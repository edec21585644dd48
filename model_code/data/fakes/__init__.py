"""Local servers that speak the wire formats of the data sources, and misbehave on order."""

from model_code.data.fakes.eia import FakeEia
from model_code.data.fakes.open_meteo import FakeOpenMeteo
from model_code.data.fakes.server import Failure, FakeServer

__all__ = ["Failure", "FakeEia", "FakeOpenMeteo", "FakeServer"]
