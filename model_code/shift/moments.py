"""First and second moments of standardised columns: the multivariate tests in closed form, without a second pass."""

from dataclasses import dataclass, field

import numpy as np

CLIP = 8.0  # standard deviations; one wild value shall not hide what the others do
RIDGE = 1e-3  # added to the variances, so that columns that follow each other can be inverted


@dataclass
class Moments:
    """Count, sums and sums of products of columns standardised by a reference's mean and scale.

    Attributes:
        mean: Of the reference, by column (k,).
        scale: Standard deviation of the reference, by column (k,); 1 where it is constant.
    """

    mean: np.ndarray
    scale: np.ndarray
    rows: int = 0
    total: np.ndarray = field(init=False)
    products: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros(len(self.mean))
        self.products = np.zeros((len(self.mean), len(self.mean)))

    def add(self, columns: list[np.ndarray]) -> None:
        """Count some rows: k arrays (n,), a missing value stands for the reference's mean."""
        z = np.empty((len(columns), len(columns[0])))
        for row, values in enumerate(columns):
            np.subtract(values, self.mean[row], out=z[row])
            z[row] /= self.scale[row]
        np.nan_to_num(z, copy=False, nan=0.0, posinf=CLIP, neginf=-CLIP)
        np.clip(z, -CLIP, CLIP, out=z)
        self.rows += z.shape[1]
        self.total += z.sum(axis=1)
        self.products += z @ z.T

    @property
    def centre(self) -> np.ndarray:
        """Means (k,)."""
        return self.total / self.rows

    @property
    def second(self) -> np.ndarray:
        """Second moments about the reference's mean (k, k)."""
        return self.products / self.rows

    @property
    def covariance(self) -> np.ndarray:
        """Covariance (k, k)."""
        return self.second - np.outer(self.centre, self.centre)


def reconstruction_error(moments: Moments, components: np.ndarray) -> float:
    """Mean squared distance, per column, of the rows to the plane of some principal components.

    Args:
        components: Orthonormal rows (c, k) of the reference's components.
    """
    rest = np.eye(len(moments.mean)) - components.T @ components
    return max(0.0, float((rest * moments.second).sum()) / len(moments.mean))


def separation(reference: Moments, current: Moments) -> float:
    """Squared Mahalanobis distance of the two windows' means: what Fisher's linear discriminant can tell apart."""
    k = len(reference.mean)
    pooled = (reference.rows * reference.covariance + current.rows * current.covariance) / (reference.rows + current.rows)
    apart = current.centre - reference.centre
    return max(0.0, float(apart @ np.linalg.solve(pooled + RIDGE * np.eye(k), apart)))
