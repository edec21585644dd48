"""An ensemble of trees as flat arrays, and as an ONNX model that answers as the library does."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

OPSET, OPSET_ML, IR_VERSION = 17, 3, 8  # fixed: an ONNX library of another version writes the same bytes
INPUT, OUTPUT = "features", "prediction"


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, one array element a node (m,); single precision, in which all of our families compare.

    Attributes:
        columns: How many features there are.
        tree: Number of the node's tree; and
        node: its number within that tree, 0 is the root.
        feature: Column that the node asks; 0 in a leaf.
        threshold: What it compares with; the value to add in a leaf.
        left: Node (of the same tree) where the comparison holds; and
        right: where it does not; -1 in a leaf.
        missing_left: Whether a value that is not known goes left.
        inclusive: Whether the comparison is "<=" instead of "<".
        base: What is added to the sum of the leaves.
        logistic: Whether the answer is the logistic function of that sum.
    """

    PER_NODE: ClassVar = ("tree", "node", "feature", "threshold", "left", "right", "missing_left")

    columns: int
    tree: np.ndarray
    node: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    inclusive: bool
    base: float
    logistic: bool

    def to_onnx(self) -> bytes:
        """An ONNX model: float32 `features` (n, k) -> float32 `prediction` (n, 1). The same trees give the same bytes."""
        from onnx import TensorProto, helper

        ends = "margin" if self.logistic else OUTPUT
        nodes = [helper.make_node("TreeEnsembleRegressor", [INPUT], [ends], domain="ai.onnx.ml", **self._attributes())]
        constants = []
        if self.logistic:  # ONNX Runtime's own Sigmoid is exact to 1e-7 of 1 only: a probability of 1e-5 needs better
            constants = [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])]
            for operator, given, gives in (
                ("Neg", [ends], "negated"),
                ("Exp", ["negated"], "odds"),
                ("Add", ["odds", "one"], "whole"),
                ("Reciprocal", ["whole"], OUTPUT),
            ):
                nodes.append(helper.make_node(operator, given, [gives]))
        graph = helper.make_graph(
            nodes,
            "trees",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", self.columns])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
            constants,
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="evenkeel")
        return bytes(model.SerializeToString(deterministic=True))

    def _attributes(self) -> dict[str, Any]:
        leaf = self.left < 0
        rule = np.where(leaf, "LEAF", "BRANCH_LEQ" if self.inclusive else "BRANCH_LT")
        return {
            "n_targets": 1,
            "aggregate_function": "SUM",
            "post_transform": "NONE",
            "nodes_treeids": self.tree.tolist(),
            "nodes_nodeids": self.node.tolist(),
            "nodes_featureids": np.where(leaf, 0, self.feature).tolist(),
            "nodes_values": np.where(leaf, np.float32(0), self.threshold).tolist(),
            "nodes_modes": rule.tolist(),
            "nodes_truenodeids": np.where(leaf, 0, self.left).tolist(),
            "nodes_falsenodeids": np.where(leaf, 0, self.right).tolist(),
            "nodes_missing_value_tracks_true": np.where(leaf, 0, self.missing_left).astype(int).tolist(),
            "target_treeids": self.tree[leaf].tolist(),
            "target_nodeids": self.node[leaf].tolist(),
            "target_ids": [0] * int(leaf.sum()),
            "target_weights": self._leaves()[leaf].tolist(),
        }

    def _leaves(self) -> np.ndarray:
        """What to add in each node; the base is in the leaves of the first tree, where the sum of our libraries begins.

        Sums in single precision depend on their order: in this one, answers are the same to the last bit.
        """
        first = np.isin(self.tree, self.tree[:1])
        return np.where(first, np.float32(self.base) + self.threshold, self.threshold)


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """The largest single-precision number that is not above each threshold (double precision).

    For a single-precision x, x <= t and x <= rounded_down(t) are the same.

    Example:
        >>> bool(rounded_down(np.array([0.1]))[0] <= 0.1 < np.float32(0.1))
        True
    """
    nearest = thresholds.astype(np.float32)
    return np.where(nearest.astype(np.float64) > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
