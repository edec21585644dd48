"""Two programs that roll the same models out in one namespace, as tests of cluster targets see them."""

from model_code.pointer import Pointers
from model_code.settings import Settings
from model_code.sql import engine
from services.rollout.base import Target, Wanted
from tests.services.kserve_memory import Memory

LOAD = "load"
FIRST, SECOND = (
    Wanted(usecase=LOAD, version=str(number), bundle=str(number) * 64, image=f"evenkeel-load:{number}") for number in (1, 2)
)


class TwoPrograms:
    """Two programs' views of one namespace in memory.

    Args:
        settings: Of both.

    Attributes:
        target: The first one's; a test gives it its kind.
        other: The second one's.
        memory: The namespace.
    """

    target: Target
    other: Target

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memory = Memory()

    def point_at(self, wanted: Wanted) -> None:
        """Move the pointer, as a promotion does before it rolls out."""
        store = engine(self.settings.sql)
        Pointers(store).move(LOAD, wanted.bundle, None)
        store.dispose()

    def deployed(self, wanted: Wanted) -> None:
        """What is wanted answers."""
        self.point_at(wanted)
        self.target.deploy(wanted, timeout=5)

    def tracks(self) -> dict[str, tuple[str | None, int | None, bool]]:
        """Track -> version, weight, readiness."""
        return {each.track: (each.version, each.weight, each.ready) for each in self.target.status(LOAD).tracks}
