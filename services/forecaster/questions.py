"""What the short path parses and writes: strict, bounded messages of `POST /predict`."""

from typing import Annotated, Any

import msgspec

# Printable ASCII: an id goes back in a header. `$` alone would let a line end pass behind it.
RequestId = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+(?!\n)$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
AskedBy = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Lead = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Number = float | None
MAX_COLUMNS = 10_000


class PredictRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Rows of features that the caller has.

    Attributes:
        rows: Each a list of numbers in the order of the model's columns, or an object of numbers by name; null is not known.
        lead: Lead time of each row in steps, the first is 0; a classification has none.
        entity: What each row is about.
        origin: When the forecast is made, ISO 8601 with offset.
        request_id: The same id again is stored once. Default: the header `x-request-id`, or a new one.
        asked_by: Kept with the predictions. Default: the key's name.
    """

    rows: list[list[Number] | dict[str, Number]]
    lead: list[Lead] | None = None
    entity: list[Name] | None = None
    origin: Name | None = None
    request_id: RequestId | None = None
    asked_by: AskedBy | None = None


class PredictAnswer(msgspec.Struct, frozen=True):
    """One value for each row, in the order of the rows; already kept when it is sent.

    Attributes:
        value: In the answer's unit; P(positive) for a classification.
        lower: Lower end of the interval; null where there is none.
        upper: Upper end of the interval; null where there is none.
    """

    usecase: str
    version: str
    bundle: str
    request_id: str
    unit: str
    value: list[float]
    lower: list[float] | None
    upper: list[float] | None


encode: Any = msgspec.json.Encoder().encode
decode_predict: Any = msgspec.json.Decoder(PredictRequest).decode
