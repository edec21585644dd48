"""`/batch`: files of rows in, the same kind of file with the answers out, in bounded memory; knows no HTTP and no bundle."""

from services.forecaster.batch.columns import Chunk, Layout
from services.forecaster.batch.engine import Answered, Answers, answer_batch
from services.forecaster.batch.limits import BatchLimits
from services.forecaster.batch.media import FileKind, kind_of, kind_wanted

__all__ = [
    "Answered",
    "Answers",
    "BatchLimits",
    "Chunk",
    "FileKind",
    "Layout",
    "answer_batch",
    "kind_of",
    "kind_wanted",
]
