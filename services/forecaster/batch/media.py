"""Kinds of files that `/batch` reads and writes, by their media types."""

from enum import StrEnum

from services.forecaster.problems import UnsupportedMedia


class FileKind(StrEnum):
    """A kind of file; its value is its media type."""

    PARQUET = "application/vnd.apache.parquet"
    ARROW_STREAM = "application/vnd.apache.arrow.stream"
    ARROW_FILE = "application/vnd.apache.arrow.file"
    CSV = "text/csv"


HINT = f"one of {', '.join(FileKind)}"


class NotAcceptable(UnsupportedMedia):
    """The caller takes no kind of file that we write."""

    status = 406
    title = "Not acceptable"


def kind_of(content_type: str | None) -> FileKind:
    """What the body is.

    Args:
        content_type: The header, parameters such as a character set allowed.

    Raises:
        UnsupportedMedia: It is missing, unknown, or CSV in another character set than UTF-8.

    Example:
        >>> kind_of("text/csv; charset=utf-8").name
        'CSV'
    """
    media, *parameters = [part.strip().lower() for part in (content_type or "").split(";")]
    try:
        kind = FileKind(media)
    except ValueError:
        raise UnsupportedMedia(f"content type {media[:60]!r}" if media else "no content type", hint=HINT) from None
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMedia(f"character set {value[:40]!r}", hint="send UTF-8")
    return kind


def kind_wanted(accept: str | None, given: FileKind) -> FileKind:
    """What the answer should be: what came in, unless the caller prefers another kind.

    Args:
        accept: The header `Accept`; None and `*/*` leave it to us.
        given: What the body is.

    Raises:
        NotAcceptable: None of the kinds is taken.

    Example:
        >>> kind_wanted("text/csv;q=0.5, application/vnd.apache.parquet", FileKind.CSV).name
        'PARQUET'
    """
    if accept is None or not accept.strip():
        return given
    taken = sorted(
        ((_quality(part), part.split(";")[0].strip().lower()) for part in accept.split(",")), key=lambda pair: -pair[0]
    )
    for quality, media in taken:
        if quality <= 0:
            continue
        if media in ("*/*", f"{given.split('/')[0]}/*"):
            return given
        if media in list(FileKind):
            return FileKind(media)
    raise NotAcceptable(f"accept {accept[:80]!r}", hint=HINT)


def _quality(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
