"""One tree of errors; each says what is wrong, where, and what to do, and owns its HTTP status."""

from typing import ClassVar


class EvenkeelError(Exception):
    """Base of every error that Evenkeel raises on purpose.

    Args:
        message: What is wrong and where.
        hint: What the reader can do about it.

    Example:
        >>> str(EvenkeelError("table is empty", hint="run `make refresh`"))
        'table is empty (run `make refresh`)'
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigurationError(EvenkeelError):
    """A setting or a use case specification is wrong; nothing was started."""

    title = "Wrong configuration"


class SourceError(EvenkeelError):
    """A data source did not give what it should."""

    status = 502
    title = "Data source failed"


class SourceUnavailable(SourceError):
    """The source did not answer, or asked to come back later; trying again may help."""

    status = 503
    title = "Data source unavailable"


class SourceRefused(SourceError):
    """The source refused the request (wrong key, unknown series); trying again will not help."""

    title = "Data source refused the request"


class SourceChanged(SourceError):
    """The source answered in a form that is not understood (schema, HTML page, cut JSON)."""

    title = "Data source changed its form"


class DataError(EvenkeelError):
    """Rows or tables that cannot be used."""

    title = "Unusable data"


class TooLittleData(DataError):
    """Fewer rows than the work needs; fails loud instead of producing less."""

    status = 503
    title = "Too little data"


class StoreError(DataError):
    """A store cannot be read or written (permissions, disk, corruption)."""

    status = 503
    title = "Store failed"


class BundleError(EvenkeelError):
    """A bundle is missing, altered, or its golden answers are wrong; it is not served."""

    title = "Bundle refused"


class BundleUnavailable(BundleError):
    """The bundle store cannot be asked (unreachable, no such bucket, no credentials); trying again may help."""

    status = 503
    title = "Bundle store failed"


class RegistryError(EvenkeelError):
    """The model registry cannot do what was asked."""

    status = 503
    title = "Model registry failed"


class PromotionRefused(EvenkeelError):
    """A promotion or rollback is not allowed in the present state."""

    status = 409
    title = "Promotion refused"


class RolloutError(EvenkeelError):
    """A bundle could not become the running endpoint."""

    status = 503
    title = "Rollout failed"


class InvalidRequest(EvenkeelError):
    """A caller's input is wrong; the message names the field."""

    status = 422
    title = "Invalid request"


class NotReady(EvenkeelError):
    """The service does not serve the wanted bundle (yet)."""

    status = 503
    title = "Not ready"
