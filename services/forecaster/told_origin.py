"""The origin that a caller tells beside rows of features: one of the use case's, and not in the future."""

from datetime import UTC, datetime, timedelta

from model_code.origin_grid import is_origin
from model_code.usecase import UseCaseSpec
from services.forecaster.problems import WrongField

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def origin_of(told: str, spec: UseCaseSpec, present: int) -> int:
    """Microseconds since the epoch of an origin, ISO 8601 with offset.

    Args:
        told: What the caller says.
        spec: Whose origin it must be.
        present: Microseconds since the epoch; a later origin is refused.

    Raises:
        WrongField: It is no such time.
    """
    try:
        moment = datetime.fromisoformat(told)
        if moment.tzinfo is None:
            raise ValueError("it has no offset from UTC")
        origin = (moment - EPOCH) // MICROSECOND
    except (ValueError, OverflowError) as error:
        raise WrongField(f"origin {told[:60]!r}: {error}", field="origin", hint="such as 2026-01-31T00:00:00+01:00") from error
    check_origin(origin, spec, present)
    return origin


def check_origin(origin: int, spec: UseCaseSpec, present: int) -> None:
    """Refuse what is no origin of the use case, or is not there yet.

    Args:
        origin: Microseconds since the epoch.
        spec: Whose origin it must be.
        present: Microseconds since the epoch.

    Raises:
        WrongField: It is none.
    """
    if origin > present:
        raise WrongField(f"origin {_shown(origin)} is in the future", field="origin", hint=f"the present is {_shown(present)}")
    if origin < 0:
        raise WrongField("the origin is before 1970", field="origin", hint="nothing is known then")
    if not is_origin(spec, EPOCH + origin * MICROSECOND):
        raise WrongField(
            f"origin {_shown(origin)} is not an origin of {spec.name}",
            field="origin",
            hint=f"there is one every {spec.origins.every} from {spec.origins.at:%H:%M}, time of {spec.timezone}",
        )


def _shown(moment: int) -> str:
    try:
        return (EPOCH + moment * MICROSECOND).isoformat()
    except OverflowError:
        return f"{moment} µs after 1970"
