"""The lstm family is compiled at its first call, and never again: a later compilation would take seconds of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from model_code.models import family_class, make_model
from tests.model_cases import SMALL, features_and_target


@contextmanager
def traced() -> Iterator[list[str]]:
    """What JAX traces or compiles in the block."""
    import jax.monitoring

    told: list[str] = []

    def listen(event: str, _seconds: float, **_more: object) -> None:
        if event.startswith("/jax/core/compile/"):
            told.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield told
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_lstm__is_traced_once_for_many_calls_of_any_size(tmp_path: Path) -> None:
    features, target = features_and_target("forecast")
    model = make_model(
        "lstm", SMALL["lstm"] | {"units": 5, "epochs": 1}, seed=3
    )  # units of no other test: nothing is compiled yet
    model.fit(features, target)
    model.save(tmp_path)
    matrix = features.to_numpy(float)
    loaded = family_class("lstm").load(tmp_path)

    with traced() as first:
        loaded.predict_matrix(matrix[:1])
    with traced() as later:
        for rows in (1, 2, 15, 16, 17, 100, *[1] * 40):
            assert loaded.predict_matrix(matrix[:rows]).shape == (rows,)
        again = family_class("lstm").load(tmp_path).predict_matrix(matrix)

    assert first, "the first call compiles, or nothing was listened to"
    assert later == []
    np.testing.assert_array_equal(again, model.predict(features))
