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


class LibraryMissing(BundleError):
    """A form of the bundle needs a library that this environment lacks."""


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
    """A caller's input is wrong; the message names the field.

    Args:
        message: What is wrong and where.
        hint: What the caller can do about it.
        field: The field's name; None where the request as a whole is wrong.
    """

    status = 422
    title = "Invalid request"

    def __init__(self, message: str, *, hint: str = "", field: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.field = field


class WrongValue(InvalidRequest):
    """One value among a caller's rows is wrong.

    Args:
        message: What is wrong with it, without its row.
        row: Number of the row, the first is 0.
        field: Whose value it is: a feature's name, or `lead`.

    Example:
        >>> WrongValue("feature load is 5000", row=2, field="load").counted_from(100).message
        'row 102: feature load is 5000'
    """

    def __init__(self, message: str, *, row: int, field: str, hint: str = "") -> None:
        super().__init__(f"row {row}: {message}", hint=hint, field=field)
        self.row = row
        self.name = field
        self._told = message

    def counted_from(self, first_row: int) -> "WrongValue":
        """The same of rows that stand behind others: the first of them has this number."""
        return self.at(self.row + first_row)

    def at(self, row: int) -> "WrongValue":
        """The same of the row with this number."""
        return WrongValue(self._told, row=row, field=self.name, hint=self.hint)


class NotReady(EvenkeelError):
    """The service does not serve the wanted bundle (yet)."""

    status = 503
    title = "Not ready"
