"""The rollout's suite on clusters in memory, so that it always runs; on a real cluster it is in tests/e2e."""

from dataclasses import dataclass, field

import pytest

from model_code.errors import RolloutError
from services.forecaster.messages import ModelAnswer
from services.rollout.base import Target, Track, Wanted
from services.rollout.helm.target import HelmTarget
from services.rollout.kserve.target import KServeTarget
from tests.rollout_cases import RolloutCases, Stand
from tests.services import tiny
from tests.services.conftest import installation
from tests.services.helm_memory import Releases
from tests.services.kserve_memory import Memory, Rendering


@dataclass
class InMemory(Stand):
    """A target whose cluster is in memory: its pods are told of, and nothing runs in them.

    Attributes:
        memory: The namespace.
    """

    memory: Memory = field(default_factory=Memory)

    def model(self, track: Track = "stable") -> ModelAnswer:
        """What a pod of that track would say, by its environment and the pointer."""
        there = [each for path, each in self.memory.objects.items() if "/deployments/" in path]
        found = next((each for each in there if each["metadata"]["labels"]["evenkeel.io/track"] == track), None)
        if found is None:
            raise RolloutError(f"there is no {track}")
        given = {each["name"]: each["value"] for each in found["spec"]["template"]["spec"]["containers"][0]["env"]}
        pin, pointer = given.get("EVENKEEL_PIN"), self.place.pointers.get(self.usecase)
        assert pointer is not None
        return ModelAnswer.model_construct(bundle=pin or pointer.wanted, pinned=pin is not None)


@pytest.fixture(scope="module", params=["helm", "kserve"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> InMemory:
    """Two releases of images that can be pulled."""
    place, memory = installation(tmp_path_factory.mktemp(request.param)), Memory()
    site = place.settings.home / "site.yaml"
    site.parent.mkdir(parents=True, exist_ok=True)
    site.write_text("{gateway: {enabled: true}}")
    settings = place.settings.model_copy(update={"namespace": memory.namespace, "helm_values": site})
    releases = Releases(memory)

    def target() -> Target:
        return HelmTarget(settings, memory, releases) if request.param == "helm" else KServeTarget(settings, memory, Rendering())

    first, second = (
        Wanted(usecase=tiny.NAME, version=number, bundle=number * 64, image=f"evenkeel-tiny:{number}") for number in "12"
    )
    return InMemory(place, target, first, second, None, 5.0, memory)


class TestInMemory(RolloutCases):
    def test_stage__of_a_bundle_that_does_not_exist_leaves_what_answers(self, stand: Stand) -> None:
        pytest.skip("no cluster: in memory nothing runs that could refuse a bundle; tests/e2e has it")
