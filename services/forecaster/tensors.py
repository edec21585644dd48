"""Tensors of the Open Inference Protocol: JSON or binary in, numpy arrays of the service out, and back."""

import math
import struct
from typing import Annotated, Any

import msgspec
import numpy as np

from services.forecaster.problems import WrongField

DTYPES = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
WHOLE = frozenset(name for name in DTYPES if "INT" in name)
MAX_DIMENSIONS = 2
MAX_TENSORS = 10_000
MAX_TEXT = 200
Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
Parameters = dict[str, str | int | float | bool | None]


class Tensor(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """One tensor of a request or an answer; `data` is nested or flat JSON, or left out where the bytes follow."""

    name: Name
    datatype: str
    shape: Annotated[list[Size], msgspec.Meta(min_length=1, max_length=MAX_DIMENSIONS)]
    parameters: Parameters | None = None
    data: list[Any] | None = None


class Wanted(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """An output that the caller wants."""

    name: Name
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """`POST /v2/models/NAME/infer`; KServe's client names the model in the body as well."""

    inputs: Annotated[list[Tensor], msgspec.Meta(min_length=1, max_length=MAX_TENSORS)]
    id: str | None = None
    model_name: Name | None = None
    parameters: Parameters | None = None
    outputs: Annotated[list[Wanted], msgspec.Meta(max_length=16)] | None = None


class InferAnswer(msgspec.Struct, omit_defaults=True, frozen=True):
    """What it is answered."""

    model_name: str
    model_version: str
    id: str
    outputs: list[Tensor]
    parameters: Parameters | None = None


class Blobs:
    """The bytes behind the JSON of a binary request, taken in the order of the inputs."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    def take(self, size: int, name: str) -> memoryview:
        """The next bytes.

        Raises:
            WrongField: There are fewer.
        """
        if size < 0 or self._at + size > len(self._content):
            raise WrongField(
                f"input {name} has {size} bytes, {len(self._content) - self._at} are left",
                field=f"inputs.{name}",
                hint="binary_data_size is the tensor's size",
            )
        found = self._content[self._at : self._at + size]
        self._at += size
        return found

    def check_end(self) -> None:
        """Refuse bytes that belong to no input."""
        if self._at != len(self._content):
            raise WrongField(
                f"{len(self._content) - self._at} bytes belong to no input", field="body", hint="check binary_data_size"
            )


def numbers(tensor: Tensor, blobs: Blobs) -> np.ndarray:
    """The tensor's numbers in its shape and type; null in JSON is NaN.

    Raises:
        WrongField: Another type, or data that do not fit the shape.
    """
    dtype = DTYPES.get(tensor.datatype)
    if dtype is None:
        raise _wrong(tensor, f"is of type {tensor.datatype[:20]!r}", f"numbers are: {', '.join(DTYPES)}")
    size = _binary_size(tensor)
    if size is not None:
        if size != math.prod(tensor.shape) * dtype.itemsize:
            raise _wrong(tensor, f"has {size} bytes for shape {tensor.shape} of {tensor.datatype}", "they must agree")
        return np.frombuffer(blobs.take(size, tensor.name), dtype).reshape(tensor.shape)
    return _from_json(tensor, dtype)


def texts(tensor: Tensor, blobs: Blobs) -> list[str]:
    """The tensor's strings; their number is checked by who uses them.

    Raises:
        WrongField: It is no tensor of strings, or one is too long or no UTF-8.
    """
    if tensor.datatype != "BYTES":
        raise _wrong(tensor, f"is of type {tensor.datatype[:20]!r}", "strings are BYTES")
    size = _binary_size(tensor)
    found = _flat(tensor) if size is None else _length_prefixed(tensor, blobs.take(size, tensor.name))
    if len(found) != math.prod(tensor.shape):
        raise _wrong(tensor, f"has {len(found)} strings for shape {tensor.shape}", "they must agree")
    for text in found:
        if not isinstance(text, str) or not 1 <= len(text) <= MAX_TEXT:
            raise _wrong(tensor, "has what is no string of 1 to 200 characters", "give names")
    return found


def output(name: str, values: np.ndarray, binary: bool) -> tuple[Tensor, bytes]:
    """One output (n,) as FP64, and its bytes where it goes binary."""
    if binary:
        content = values.astype("<f8", copy=False).tobytes()
        return Tensor(name, "FP64", [len(values)], {"binary_data_size": len(content)}), content
    return Tensor(name, "FP64", [len(values)], None, values.tolist()), b""


def _from_json(tensor: Tensor, dtype: np.dtype[Any]) -> np.ndarray:
    flat = _flat(tensor)
    kinds = set(map(type, flat))
    if not kinds <= {int, float, type(None)} and not (kinds == {bool} and tensor.datatype == "BOOL"):
        raise _wrong(tensor, "has values that are no numbers", "NaN is null")
    if type(None) in kinds and dtype.kind != "f":
        raise _wrong(tensor, f"has null in {tensor.datatype}", "only FP tensors have values that are not known")
    if float in kinds and dtype.kind != "f":
        raise _wrong(tensor, f"has fractions in {tensor.datatype}", "give whole numbers, or FP64")
    if len(flat) != math.prod(tensor.shape):
        raise _wrong(tensor, f"has {len(flat)} values for shape {tensor.shape}", "they must agree")
    try:
        with np.errstate(over="ignore"):
            return np.array(flat, dtype).reshape(tensor.shape)
    except (OverflowError, ValueError, TypeError) as error:
        raise _wrong(tensor, f"does not fit {tensor.datatype}", "give numbers of its range") from error


def _flat(tensor: Tensor) -> list[Any]:
    """The data of a JSON tensor in one list: given flat, or as rows of equal length."""
    data = tensor.data
    if data is None:
        raise _wrong(tensor, "has neither data nor binary_data_size", "give one of them")
    if data and isinstance(data[0], list):
        if len(tensor.shape) != 2 or any(not isinstance(row, list) or len(row) != tensor.shape[1] for row in data):
            raise _wrong(tensor, f"has rows that do not fit shape {tensor.shape}", "rows of equal length, or flat data")
        return [value for row in data for value in row]
    return data


def _binary_size(tensor: Tensor) -> int | None:
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or tensor.data is not None:
        raise _wrong(tensor, "has a wrong binary_data_size, or data beside it", "a number of bytes, and no data")
    return size


def _length_prefixed(tensor: Tensor, content: memoryview) -> list[str]:
    found, at = [], 0
    try:
        while at < len(content):
            (length,) = struct.unpack_from("<I", content, at)
            at += 4
            if length > len(content) - at:
                raise ValueError
            found.append(bytes(content[at : at + length]).decode())
            at += length
    except (struct.error, ValueError) as error:
        raise _wrong(tensor, "has strings that are cut or no UTF-8", "each is its length in 4 bytes, then its bytes") from error
    return found


def _wrong(tensor: Tensor, what: str, hint: str) -> WrongField:
    return WrongField(f"input {tensor.name} {what}", field=f"inputs.{tensor.name}", hint=hint)
