"""What Prometheus would have of one part at one moment: the samples of its /metrics, and whether it answered."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

from monitoring.rules.world import Series

PATIENCE = 10.0
Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


@dataclass(frozen=True)
class Scrape:
    """One scrape.

    Attributes:
        job: What Prometheus calls the part.
        instance: Its address.
        at: When it was scraped, seconds since 1970.
        samples: Name and labels -> value.
        up: Whether it answered.
        counted: Names of what only grows.
    """

    job: str
    instance: str
    at: float
    samples: Mapping[Key, float] = field(default_factory=dict)
    up: bool = True
    counted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, job: str, url: str) -> "Scrape":
        """Ask a running part, as Prometheus does: no answer, or an error, is a part that is not up."""
        instance = url.removeprefix("http://")
        try:
            answer = httpx.get(f"{url}/metrics", timeout=PATIENCE).raise_for_status()
        except httpx.HTTPError:
            return cls(job, instance, time.time(), up=False)
        return cls.read(job, answer.text, instance=instance)

    @classmethod
    def read(cls, job: str, text: str, *, instance: str = "127.0.0.1:1", at: float | None = None) -> "Scrape":
        """From the text of its /metrics."""
        families = [*text_string_to_metric_families(text)]
        found = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
            if sample.name.startswith("evenkeel_") and not sample.name.endswith("_created")
        }
        grows = frozenset(
            sample.name for family in families if family.type in ("counter", "histogram") for sample in family.samples
        )
        return cls(job, instance, time.time() if at is None else at, found, counted=grows)

    def later(self, seconds: float) -> "Scrape":
        """The same answer, so much later."""
        return replace(self, at=self.at + seconds)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name and these labels."""
        wanted = labels.items()
        return sum(value for (each, told), value in self.samples.items() if each == name and wanted <= dict(told).items())

    def held(self, minutes: int, before: "Scrape | None" = None) -> Iterator[Series]:
        """As series of a rule test: it goes on answering like this, minute by minute.

        Gauges stay, ages stay (a moment is renewed as fast as time goes on), and counters go on at the pace since `before`; one
        that was not there before comes into being with its value and stands still, as Prometheus would see it.
        """
        whence = {"job": self.job, "instance": self.instance}
        yield Series("up", whence, f"{float(self.up):g}+0x{minutes}")
        for (name, labels), value in self.samples.items():
            yield Series(name, {**dict(labels), **whence}, self._values(name, labels, value, minutes, before))

    def _values(self, name: str, labels: Labels, value: float, minutes: int, before: "Scrape | None") -> str:
        if "_timestamp_" in name:
            return f"{value - self.at:.3f}+60x{minutes}"
        if name not in self.counted or before is None:
            return f"{value:.6f}+0x{minutes}"
        earlier = before.samples.get((name, labels))
        return f"_ {value:.6f}+0x{minutes - 1}" if earlier is None else f"{earlier:.6f}+{value - earlier:.6f}x{minutes}"
