"""Ridge regression that a few wild days do not bend: iteratively reweighted, one regression for each time of the day."""

import numpy as np

HUBER = 1.5  # standard deviations from where on a day counts less
ROUNDS = 3


def robust_ridge(inputs: np.ndarray, target: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit each of S targets on its own inputs.

    Args:
        inputs: (N, S, k), or (N, 1, k) where all share them.
        target: (N, S), finite.
        penalty: On standardised inputs.

    Returns:
        Weights (S, k) and intercepts (S,).
    """
    count, slots = target.shape
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    width = inputs.shape[2]
    penalties = penalty * np.eye(width + 1)
    penalties[-1, -1] = 1e-6
    found = np.empty((slots, width + 1))
    design = np.ones((count, width + 1))
    for slot in range(slots):  # one at a time: what a slot needs stays in the processor's cache
        if slot < inputs.shape[1]:
            design[:, :-1] = (inputs[:, slot] - centre[slot]) / spread[slot]
        found[slot] = _reweighted(design, target[:, slot], penalties)
    weights = found[:, :-1] / np.broadcast_to(spread, (slots, width))
    shift = (weights * np.broadcast_to(centre, weights.shape)).sum(axis=1)
    return weights, found[:, -1] - shift


def _reweighted(design: np.ndarray, wanted: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    trust, found = np.ones(len(wanted)), np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        weighted = (design * trust[:, None]).T
        found = np.linalg.solve(weighted @ design + penalties, weighted @ wanted)
        misses = np.abs(wanted - design @ found)
        usual = 1.4826 * np.median(misses) + 1e-9
        trust = np.minimum(1.0, HUBER * usual / np.maximum(misses, 1e-12))
    return found
