"""The network of the lstm family as an ONNX model, scaling included: an image that answers by it needs neither Keras nor JAX."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from model_code.models.network import Shape, Weights
from model_code.models.trees import INPUT, IR_VERSION, OPSET, OUTPUT

if TYPE_CHECKING:
    from model_code.models.lstm import Scaling


@dataclass
class _Graph:
    """Nodes and constants in the order in which they are needed."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, given: Sequence[str], gives: str, **attributes: Any) -> str:
        from onnx import helper

        outputs = ["", gives] if operator == "LSTM" else [gives]  # of an LSTM, the state after the last step alone
        self.nodes.append(helper.make_node(operator, list(given), outputs, **attributes))
        return gives


def network_onnx(
    shape: Shape, weights: Weights, scaling: "Scaling", inside: list[int], outside: list[int], farthest: float
) -> bytes:
    """An ONNX model: float32 `features` (n, k) -> float32 `prediction` (n, 1). The same weights give the same bytes.

    Args:
        shape: Of the network.
        weights: As Keras orders them: LSTM (kernel, recurrent kernel, bias), hidden layer, answer.
        scaling: Of columns and target, see `lstm.Scaling`.
        inside: Columns that are steps, the oldest first; and
        outside: those beside them.
        farthest: Standard deviations beyond which a value is cut off.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    values, marks = _scaled(graph, scaling, farthest)
    sequence = _pairs(graph, values, marks, inside, "sequence")
    graph.constant("sequence_shape", np.array([0, shape.steps, 2]))
    graph.node("Reshape", [sequence, "sequence_shape"], "rows_of_steps")
    graph.node("Transpose", ["rows_of_steps"], "steps", perm=[1, 0, 2])
    known = _read(graph, shape, weights[:3])
    if outside:
        known = graph.node("Concat", [known, _pairs(graph, values, marks, outside, "others")], "known", axis=1)
    hidden = graph.node("Tanh", [_dense(graph, known, weights[3], weights[4], "hidden")], "active")
    told = _dense(graph, hidden, weights[5], weights[6], "told")
    if shape.logistic:
        _probability(graph, told)
    else:
        _in_unit(graph, told, scaling)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", len(inside) + len(outside)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
        graph.constants,
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="evenkeel"
    )
    return bytes(model.SerializeToString(deterministic=True))


def _scaled(graph: _Graph, scaling: "Scaling", farthest: float) -> tuple[str, str]:
    """Standardised values (n, k) and marks of what is not known (n, k); in double precision until the end, as the model does."""
    from onnx import TensorProto

    graph.node("Cast", [INPUT], "exact", to=TensorProto.DOUBLE)
    graph.node("IsNaN", ["exact"], "unknown")
    graph.node("Where", ["unknown", graph.constant("mean", scaling.mean), "exact"], "filled")
    graph.node("Sub", ["filled", "mean"], "centred")
    graph.node("Div", ["centred", graph.constant("scale", scaling.scale)], "standardised")
    bounds = [graph.constant(name, np.array(value)) for name, value in (("lowest", -farthest), ("highest", farthest))]
    graph.node("Clip", ["standardised", *bounds], "clipped")
    graph.node("And", ["unknown", graph.constant("gaps", scaling.gaps)], "marked")
    return (
        graph.node("Cast", ["clipped"], "values", to=TensorProto.FLOAT),
        graph.node("Cast", ["marked"], "marks", to=TensorProto.FLOAT),
    )


def _pairs(graph: _Graph, values: str, marks: str, columns: list[int], name: str) -> str:
    """Value and mark of each of the columns beside each other (n, 2 * columns)."""
    chosen = graph.constant(f"{name}_columns", np.array(columns))
    apart = [graph.node("Gather", [part, chosen], f"{name}_{part}", axis=1) for part in (values, marks)]
    last = graph.constant(f"{name}_last", np.array([2]))
    deep = [graph.node("Unsqueeze", [part, last], f"{part}_deep") for part in apart]
    graph.node("Concat", deep, f"{name}_pairs", axis=2)
    return graph.node("Reshape", [f"{name}_pairs", graph.constant(f"{name}_flat", np.array([0, -1]))], name, allowzero=0)


def _read(graph: _Graph, shape: Shape, weights: Weights) -> str:
    """The LSTM's state after the last step (n, units). ONNX wants rows where Keras has columns, and the gates in another order."""
    kernel, recurrent, bias = (np.asarray(each) for each in weights)
    graph.constant("lstm_kernel", _gates(kernel.T)[None])
    graph.constant("lstm_recurrent", _gates(recurrent.T)[None])
    graph.constant("lstm_bias", np.concatenate([_gates(bias), np.zeros_like(bias)])[None])
    given = ["steps", "lstm_kernel", "lstm_recurrent", "lstm_bias"]
    graph.node("LSTM", given, "states", hidden_size=shape.units)
    return graph.node("Squeeze", ["states", graph.constant("direction", np.array([0]))], "read")


def _gates(keras: np.ndarray) -> np.ndarray:
    """Input, forget, candidate, output (4 units, …) -> input, output, forget, candidate."""
    entered, forgotten, candidate, given = np.split(keras, 4)
    return np.concatenate([entered, given, forgotten, candidate])


def _dense(graph: _Graph, given: str, kernel: Any, bias: Any, name: str) -> str:
    constants = [graph.constant(f"{name}_{part}", np.asarray(value)) for part, value in (("kernel", kernel), ("bias", bias))]
    return graph.node("Gemm", [given, *constants], name)


def _in_unit(graph: _Graph, told: str, scaling: "Scaling") -> None:
    """From standard deviations to the target's unit."""
    from onnx import TensorProto

    graph.node("Cast", [told], "told_exact", to=TensorProto.DOUBLE)
    graph.node("Mul", ["told_exact", graph.constant("target_scale", np.array(scaling.target_scale))], "spread")
    graph.node("Add", ["spread", graph.constant("target_mean", np.array(scaling.target_mean))], "unit")
    graph.node("Cast", ["unit"], OUTPUT, to=TensorProto.FLOAT)


def _probability(graph: _Graph, told: str) -> None:
    """The logistic function, spelt out: ONNX Runtime's own is too coarse for small probabilities."""
    graph.node("Neg", [told], "negated")
    graph.node("Exp", ["negated"], "odds")
    graph.node("Add", ["odds", graph.constant("one", np.array(1, np.float32))], "whole")
    graph.node("Reciprocal", ["whole"], OUTPUT)
