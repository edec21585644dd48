"""What happens in a drill: a world, releases, requests to act, and when the loop looks. The loop is told none of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pydantic import AwareDatetime, Field

from flows.demo.scenario import BadRelease
from model_code.data.world import World
from model_code.spec import Spec

TRAIN_AT = datetime.fromisoformat("2014-07-01T02:00:00+10:00")
LOOK_AT = timedelta(hours=2)  # after midnight, when the day before is told
DAY = timedelta(days=1)
FLAPS = timedelta(days=10)  # for so long an alert that flaps goes on asking
ASKED_FOR = ("rollback", "retrain")
LOCAL = timezone(timedelta(hours=10))  # the data's own zone


def local_day(moment: datetime) -> str:
    """A day as people there call it."""
    return f"{moment.astimezone(LOCAL):%d %b}"


class Script(Spec):
    """One run of a drill on Victoria's demand."""

    name: str
    seed: int
    story: str = Field(description="What is put into the world, in words.")
    world: World
    begin: AwareDatetime = Field(description="Local midnight of the first day that something is wrong.")
    end: AwareDatetime | None = Field(None, description="Local midnight of the first day that it is right again.")
    lead_in: int = Field(8, ge=1, description="Days of looks before it.")
    days: int = Field(28, ge=1, description="Days of looks from its begin on.")
    release: BadRelease | None = None
    requests: int = Field(0, ge=0, description="Times that an alert asks for each action after every look, besides the policy.")

    def looks(self) -> Iterator[datetime]:
        """The moments of looking, a day apart."""
        for day in range(-self.lead_in, self.days):
            yield self.begin + day * DAY + LOOK_AT

    def asks(self, moment: datetime) -> Iterator[tuple[str, str]]:
        """What an alert that flaps asks for after a look, again and again: action and reason; each request looks for itself."""
        if self.begin <= moment < self.begin + FLAPS:
            for number in range(self.requests):
                yield from ((action, f"alert {number}") for action in ASKED_FOR)

    def write_world(self, path: Path) -> Path:
        """Write the world file that the embedded source reads (EVENKEEL_WORLD_FILE)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.world.model_dump_json(indent=1))
        return path
