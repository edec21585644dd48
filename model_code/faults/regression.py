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
    scaled = np.concatenate([(inputs - centre) / spread, np.ones((count, inputs.shape[1], 1))], axis=2)
    design = np.ascontiguousarray(np.broadcast_to(scaled, (count, slots, scaled.shape[2])).transpose(1, 0, 2))
    penalties = penalty * np.eye(scaled.shape[2])
    penalties[-1, -1] = 1e-6
    trust, wanted = np.ones((slots, count)), target.T
    for _ in range(ROUNDS):
        weighted = (design * trust[:, :, None]).transpose(0, 2, 1)
        found = np.linalg.solve(weighted @ design + penalties, weighted @ wanted[:, :, None])
        misses = np.abs(wanted - (design @ found)[:, :, 0])
        usual = 1.4826 * np.median(misses, axis=1, keepdims=True) + 1e-9
        trust = np.minimum(1.0, HUBER * usual / np.maximum(misses, 1e-12))
    weights = found[:, :-1, 0] / np.broadcast_to(spread, (slots, spread.shape[1]))
    shift = (weights * np.broadcast_to(centre, weights.shape)).sum(axis=1)
    return weights, found[:, -1, 0] - shift
