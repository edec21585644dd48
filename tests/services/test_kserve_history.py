"""The history of an InferenceService: numbered as Kubernetes numbers, with one rollback for one decision."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from model_code.errors import RolloutError
from services.rollout.cluster.api import Cluster, NotFound
from services.rollout.kserve.history import KEPT, KServeHistory


class Memory(Cluster):
    """A namespace that keeps what is applied, and does nothing else."""

    def __init__(self) -> None:
        super().__init__("models")
        self.objects: dict[str, dict[str, Any]] = {}

    def call(
        self, method: str, path: str, *, body: object = None, query: Mapping[str, str] | None = None, content: str = ""
    ) -> str:
        if method == "PATCH":
            assert isinstance(body, dict)
            self.objects[path] = json.loads(json.dumps(body))
        elif method == "DELETE":
            if self.objects.pop(path, None) is None:
                raise NotFound(path)
        elif path not in self.objects:
            return json.dumps({"items": [each for name, each in self.objects.items() if name.startswith(f"{path}/")]})
        return json.dumps(self.objects.get(path))


def release(number: int) -> dict[str, Any]:
    image = {"image": f"evenkeel-load:{number}"}
    notes = {"evenkeel.io/model-version": str(number), "evenkeel.io/bundle": str(number) * 64}
    return {"metadata": {"name": "load", "annotations": notes}, "spec": {"predictor": {"containers": [image]}}}


@pytest.fixture
def history() -> KServeHistory:
    return KServeHistory(Memory(), "load")


def test_history__counts_releases_and_the_same_again_once(history: KServeHistory) -> None:
    assert [history.record(release(number), "deploy") for number in (1, 2, 2, 3)] == [1, 2, 2, 3]

    newest, *older = history.revisions()
    assert (newest.version, newest.image, newest.state, newest.what) == ("3", "evenkeel-load:3", "deployed", "deploy")
    assert [each.state for each in older] == ["superseded", "superseded"]


def test_history__a_release_that_comes_back_is_the_newest_one(history: KServeHistory) -> None:
    for number in (1, 2):
        history.record(release(number), "deploy")

    assert history.record(release(1), "rollback from 2") == 3
    assert [(each.revision, each.version) for each in history.revisions()] == [(3, "1"), (2, "2")]


def test_earlier__is_the_one_before_and_after_a_rollback_the_same_again(history: KServeHistory) -> None:
    for number in (1, 2, 3):
        history.record(release(number), "deploy")

    chosen, what = history.earlier(None)
    assert (chosen, what) == (release(2), "rollback from 3")
    history.record(chosen, what)

    assert history.earlier(None) == (release(2), "rollback from 3")
    assert history.earlier(1)[0] == release(1)


def test_earlier__refuses_what_is_not_there(history: KServeHistory) -> None:
    with pytest.raises(RolloutError, match="there are: none"):
        history.earlier(None)
    history.record(release(1), "deploy")
    with pytest.raises(RolloutError, match="there are: 1"):
        history.earlier(None)
    with pytest.raises(RolloutError, match="there are: 1"):
        history.earlier(7)


def test_history__keeps_the_newest_ones(history: KServeHistory) -> None:
    for number in range(1, KEPT + 4):
        history.record(release(number), "deploy")

    assert [each.revision for each in history.revisions()] == list(range(KEPT + 3, 3, -1))
