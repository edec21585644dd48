"""What happens in the demo's world: data, time and releases. The loop is given those, never an incident's name."""

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, Field

from model_code.data.world import Imperfections, LevelShift, World
from model_code.spec import Spec

USECASE = "demand_victoria"
COLD = (datetime.fromisoformat("2014-07-22T00:00:00+10:00"), datetime.fromisoformat("2014-07-25T00:00:00+10:00"))
HOLIDAY = (datetime.fromisoformat("2014-11-04T00:00:00+10:00"), datetime.fromisoformat("2014-11-05T00:00:00+10:00"))


class BadRelease(Spec):
    """An operator releases a model that was trained on an extract in a wrong scale."""

    at: AwareDatetime
    scale: float = Field(gt=0, description="What the training target was multiplied by.")


class Scenario(Spec):
    """One run of the demo. `None` takes an injection away."""

    seed: int = 7
    train_at: AwareDatetime = datetime.fromisoformat("2014-07-01T02:00:00+10:00")
    end: AwareDatetime = datetime.fromisoformat("2014-11-10T02:00:00+10:00")
    calm: timedelta = Field(timedelta(days=7), description="Simulated time to the next look when all is quiet.")
    soon: timedelta = Field(timedelta(days=2), description="Simulated time to the next look when the monitor asks for one soon.")
    bad_release: BadRelease | None = BadRelease(at=datetime.fromisoformat("2014-08-18T02:00:00+10:00"), scale=1.25)
    level_shift: LevelShift | None = LevelShift(
        feed="demand", column="demand", start=datetime.fromisoformat("2014-09-15T00:00:00+10:00"), factor=0.85
    )
    imperfections: Imperfections = Imperfections(late=0.002, sentinel=0.0008, spike=0.0004, revised=0.003, duplicated=0.002)

    def world(self) -> World:
        """The data's side of the scenario."""
        shifts = () if self.level_shift is None else (self.level_shift,)
        return World(seed=self.seed, imperfections=self.imperfections, level_shifts=shifts)

    def write_world(self, path: Path) -> Path:
        """Write the world file that the embedded source reads (EVENKEEL_WORLD_FILE)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.world().model_dump_json(indent=1))
        return path

    def next_look(self, now: datetime, soon: bool) -> datetime:
        """When the schedule looks next; a release is a moment to look, too."""
        moment = now + (self.soon if soon else self.calm)
        if self.bad_release is not None and now < self.bad_release.at < moment:
            moment = self.bad_release.at
        return min(moment, self.end)
