"""The columns of a batch: which are features, which belong to the answers, and each chunk of rows checked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from services.forecaster.batch.arrays import known, numbers
from services.forecaster.batch.limits import BatchLimits
from services.forecaster.problems import WrongField

LEAD, ENTITY, ORIGIN = "lead", "entity", "origin"
ANSWERS = ("value", "lower", "upper")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Layout:
    """What a model takes.

    Attributes:
        features: Its feature columns, in order.
        steps: Lead times of its horizon; with more than one, a column `lead` is needed.
        entities: The entities that it knows; empty where any name will do.
    """

    features: tuple[str, ...]
    steps: int = 1
    entities: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows that are answered and kept together.

    Attributes:
        first_row: Number of the first one within the batch.
        matrix: (n, k) float64 in the model's order of columns, NaN is not known.
        lead: (n,) lead times in steps; zeros where the batch has none.
        entity: (n,) what each row is about; None where the batch does not tell.
        origin: (n,) microseconds since the epoch, UTC; None where the batch does not tell.
        keys: pyarrow.RecordBatch of the columns that come back with the answers.
    """

    first_row: int
    matrix: np.ndarray
    lead: np.ndarray
    entity: list[str] | None
    origin: np.ndarray | None
    keys: Any


class Columns:
    """The columns of one batch, checked by their names and types.

    Args:
        schema: pyarrow.Schema of the batch.
        layout: What the model takes.
        limits: How many keys, and how long.

    Raises:
        WrongField: A column is missing, doubled, of a wrong type, or one too many.
    """

    def __init__(self, schema: Any, layout: Layout, limits: BatchLimits) -> None:
        self._layout, self._limits = layout, limits
        self._names = list(schema.names)
        check_names(self._names, layout, limits)
        self.keys = [name for name in self._names if name not in set(layout.features)]
        for name in layout.features:
            _check_number(name, schema.field(name).type)
        for name in self.keys:
            _check_key(name, schema.field(name).type)
        if LEAD in self._names:
            _check_number(LEAD, schema.field(LEAD).type)

    def plain(self, batch: Any, first_row: int) -> Any:
        """A record batch with the features as float64 and the keys as plain columns; it can be joined with others.

        Raises:
            WrongField: A value that cannot be used; its row and column are named.
        """
        import pyarrow as pa

        features = [_as(pa.float64(), batch.column(name), name, first_row) for name in self._layout.features]
        keys = [self._key(batch.column(name), name) for name in self.keys]
        return pa.RecordBatch.from_arrays([*features, *keys], names=[*self._layout.features, *self.keys])

    def chunk(self, plain: Any, first_row: int) -> Chunk:
        """The rows of a plain record batch, ready to be answered.

        Raises:
            WrongField: A lead time, an entity or an origin is wrong; its row is named.
        """
        wide = len(self._layout.features)
        matrix = np.empty((plain.num_rows, wide))
        for number in range(wide):
            matrix[:, number] = numbers(plain.column(number), np.float64)
        keys = plain.select(self.keys)
        return Chunk(
            first_row=first_row,
            matrix=matrix,
            lead=self._lead(plain, first_row),
            entity=self._entity(keys, first_row),
            origin=_origin(keys.column(ORIGIN), first_row) if ORIGIN in self.keys else None,
            keys=keys,
        )

    def _key(self, column: Any, name: str) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_dictionary(column.type):
            self._check_length(column.dictionary, name)
            column = column.dictionary_decode()
        if _is_text(column.type):
            column = pc.cast(column, pa.string())
            self._check_length(column, name)
        return column

    def _check_length(self, column: Any, name: str) -> None:
        import pyarrow.compute as pc

        if _is_text(column.type):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            if longest > self._limits.key_bytes:
                raise WrongField(
                    f"a text of {longest} bytes in column {name}", field=name, hint=f"at most {self._limits.key_bytes} bytes"
                )

    def _lead(self, plain: Any, first_row: int) -> np.ndarray:
        import pyarrow as pa

        if LEAD not in self._names:
            return np.zeros(plain.num_rows, dtype=np.int64)
        column = plain.column(LEAD)
        _check_known(column, LEAD, first_row)
        lead = numbers(_as(pa.int64(), column, LEAD, first_row), np.int64)
        wrong = np.flatnonzero((lead < 0) | (lead >= self._layout.steps))
        if len(wrong):
            raise wrong_value(LEAD, first_row + int(wrong[0]), str(lead[wrong[0]]), f"steps are 0 to {self._layout.steps - 1}")
        return lead

    def _entity(self, keys: Any, first_row: int) -> list[str] | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if ENTITY not in self.keys:
            return None
        column = keys.column(ENTITY)
        _check_known(column, ENTITY, first_row)
        different = pc.cast(column, pa.string()).dictionary_encode()
        names, indices = different.dictionary.to_pylist(), numbers(different.indices, np.int32)
        for number, name in enumerate(names if self._layout.entities else ()):
            if name not in self._layout.entities:
                row = first_row + int(np.flatnonzero(indices == number)[0])
                raise wrong_value(ENTITY, row, name, f"there are: {', '.join(self._layout.entities[:10])}")
        return [names[index] for index in indices.tolist()]


def check_names(names: list[str], layout: Layout, limits: BatchLimits) -> None:
    """Refuse a batch by the names of its columns.

    Raises:
        WrongField: One is missing, doubled, reserved for the answers, or there are too many.
    """
    present = set(names)
    if len(present) < len(names):
        doubled = next(name for place, name in enumerate(names) if name in names[:place])
        raise WrongField(f"column {_shown(doubled)} is there twice", field=_short(doubled), hint="give each name once")
    missing = [name for name in layout.features if name not in present]
    if missing:
        raise WrongField(
            f"no column {', '.join(missing[:10])}",
            field=missing[0],
            hint="a feature that is not known is a column without values",
        )
    if layout.steps > 1 and LEAD not in present:
        raise WrongField("no column lead", field=LEAD, hint=f"lead time of each row in steps, 0 to {layout.steps - 1}")
    keys = [name for name in names if name not in set(layout.features)]
    reserved = next((name for name in keys if name in ANSWERS), None)
    if reserved:
        raise WrongField(f"column {reserved} is none of the features", field=reserved, hint="the answer has it: rename yours")
    if len(keys) > limits.keys:
        raise WrongField(
            f"{len(keys)} columns that are no features, such as {_shown(keys[-1])}",
            field=_short(keys[-1]),
            hint=f"at most {limits.keys} come back with the answers: leave out the others",
        )


def wrong_value(column: str, row: int, value: object, hint: str) -> WrongField:
    """The error that names a value's place."""
    return WrongField(f"row {row}, column {column}: {str(value)[:60]!r}", field=column, hint=hint)


def _origin(column: Any, first_row: int) -> np.ndarray:
    """Microseconds since the epoch (n,); texts are parsed once for each that is different."""
    import pyarrow as pa
    import pyarrow.compute as pc

    _check_known(column, ORIGIN, first_row)
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            raise WrongField("column origin has no time zone", field=ORIGIN, hint="give it one, such as UTC")
        finer = column.type.unit == "ns"  # what is below a microsecond is left out
        try:
            return numbers(pc.cast(column, pa.timestamp("us", "UTC"), safe=not finer).cast(pa.int64()), np.int64)
        except pa.ArrowInvalid as error:
            raise WrongField("column origin has a time beyond all years", field=ORIGIN, hint="is its unit right?") from error
    if not pa.types.is_string(column.type):
        raise WrongField(f"column origin is of type {column.type}", field=ORIGIN, hint="times with a zone, or ISO 8601 texts")
    different = column.dictionary_encode()
    indices = numbers(different.indices, np.int32)
    parsed = np.empty(len(different.dictionary), dtype=np.int64)
    for number, text in enumerate(different.dictionary.to_pylist()):
        try:
            parsed[number] = (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
        except (ValueError, TypeError, OverflowError) as error:
            row = first_row + int(np.flatnonzero(indices == number)[0])
            raise wrong_value(ORIGIN, row, text, "ISO 8601 with an offset, such as 2026-01-31T00:00:00+01:00") from error
    return np.asarray(parsed[indices])


def _as(wanted: Any, column: Any, name: str, first_row: int) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == wanted:
        return column
    if pa.types.is_floating(wanted):
        return pc.cast(column, wanted, safe=False)  # a whole number beyond 2^53 is rounded
    try:
        return pc.cast(column, wanted)
    except pa.ArrowInvalid:
        pass
    values = numbers(pc.cast(column, pa.float64(), safe=False), np.float64)
    wrong = np.flatnonzero(~(np.abs(values) < 2**53) | (values != np.floor(values)))
    if not len(wrong):  # decimals whose fraction is lost in a float
        raise WrongField(
            f"column {_shown(name)} has what is no whole number", field=_short(name), hint="give whole numbers there"
        )
    row = int(wrong[0])
    raise wrong_value(name, first_row + row, column[row].as_py(), "a whole number")


def _check_known(column: Any, name: str, first_row: int) -> None:
    if column.null_count:
        row = int(np.flatnonzero(~known(column))[0])
        raise WrongField(f"row {first_row + row}, column {name}: nothing", field=name, hint="give a value in each row")


def _check_number(name: str, kind: Any) -> None:
    import pyarrow as pa

    types = pa.types
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_null(kind)):
        raise WrongField(f"column {_shown(name)} is of type {kind}", field=_short(name), hint="numbers are due there")


def _check_key(name: str, kind: Any) -> None:
    import pyarrow as pa

    types = pa.types
    plain = kind.value_type if types.is_dictionary(kind) else kind
    numeric = types.is_integer(plain) or types.is_floating(plain) or types.is_decimal(plain) or types.is_boolean(plain)
    if not (numeric or _is_text(plain) or types.is_temporal(plain) or types.is_null(plain)) or types.is_interval(plain):
        raise WrongField(
            f"column {_shown(name)} is of type {str(kind)[:60]}",
            field=_short(name),
            hint="numbers, texts or times come back; leave it out",
        )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _short(name: str) -> str:
    return name[:60]


def _shown(name: str) -> str:
    return repr(name[:60])
