"""A second use case on the platform of the loop: a champion, a better and a worse version, callers, and rules that do not last."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from flows.rollout_record import Rollout, RolloutRecord
from model_code.installation import Installation
from services.build.engine import Engine
from services.build.image import build_image
from services.build.release import release_of
from tests import contenders
from tests.e2e.cluster import INGRESS, Cluster, until
from tests.e2e.looped import Looped

NAME = "tiny_loop"
RULES = f"""
rollout:
  weights: [50]
  step_seconds: 6
  patience_seconds: 90
  min_requests: 20
  shadow_seconds: 20
  shadow_requests: 20
  origins: {contenders.ORIGINS}
  ready_seconds: 180
"""
ROWS = {"rows": [[60.0, 61.0]], "lead": [0]}


def mount_usecase(cluster: Cluster, folder: Path) -> str:
    """The use case as a ConfigMap; how flow runs mount it below `/usecases`."""
    contenders.write_usecase(folder, NAME, RULES)
    cluster.kubectl("create", "configmap", "tiny", f"--from-file={folder / NAME}")
    return f"configmap/tiny=/usecases/{NAME}"


def gateway_host(cluster: Cluster) -> str:
    """By which the gateway knows it: what the operator's values make of the use case's name."""
    return f"tiny-loop.gateway.{cluster.namespace}.example.test"


@dataclass
class Contest:
    """The three versions, the champion deployed by a flow run.

    Attributes:
        loop: The platform.
        place: Their stores, ledger and registry, seen from this machine.
    """

    loop: Looped
    place: Installation

    def rolled_out(self, who: str) -> tuple[UUID, Rollout]:
        """The flow run that rolled a version out, and what the ledger tells of it."""
        run = self.loop.run("rollout", usecase=NAME, version=contenders.VERSIONS[who], actor="a test")
        return run.id, RolloutRecord(self.place.ledger, NAME, "a test").rollouts()[-1]

    def bundle(self, who: str) -> str:
        return self.place.registry.bundle_of(NAME, contenders.VERSIONS[who])

    def ask(self, request_id: str) -> httpx.Response:
        """One row of features, through the gateway."""
        headers = {"host": gateway_host(self.loop.cluster), "authorization": f"Bearer {self.loop.key}"}
        return httpx.post(f"{INGRESS}/predict", json=ROWS | {"request_id": request_id}, headers=headers, timeout=10)


@contextmanager
def contest_on(loop: Looped, engine: Engine, folder: Path) -> Iterator[Contest]:
    """Register the versions, build the champion's image and let a flow deploy it."""
    place = contenders.contest(folder / "contest", loop.place.settings, name=NAME, rules=RULES)
    try:
        image = build_image(release_of(place, contenders.VERSIONS["champion"]), folder / "image", engine)
        loop.cluster.load(image.name)
        loop.run("deploy", usecase=NAME, image=image.name)
        found = Contest(loop, place)
        until(lambda: found.ask("there").status_code == 200, "an answer through the gateway")
        yield found
    finally:
        place.sql.dispose()
