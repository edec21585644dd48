"""What flow runs return, kept in a bucket: their own folder goes with the pod."""

import asyncio
import tempfile
from pathlib import Path

from prefect.filesystems import WritableFileSystem
from prefect.utilities.asyncutils import sync_compatible
from pydantic import Field

from model_code.bundle_store.bucket import Bucket

LIMIT = 16 * 2**20  # bytes: what flows return are small documents


class ResultsBucket(WritableFileSystem):
    """A block of Prefect: documents in S3 or Google Cloud Storage, through what reads bundles there.

    Credentials, region and endpoint come from the environment, as for bundles; none is in the block.
    """

    _block_type_name = "Evenkeel results"
    _block_type_slug = "evenkeel-results"

    url: str = Field(description="s3://bucket/prefix or gs://bucket/prefix")

    @sync_compatible
    async def read_path(self, path: str) -> bytes:
        """A document.

        Raises:
            BundleError: It is not there, or larger than 16 MiB.
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
        """
        return await asyncio.to_thread(lambda: b"".join(self._bucket.read(path, LIMIT)))

    @sync_compatible
    async def write_path(self, path: str, content: bytes) -> None:
        """Keep a document: whole or not at all.

        Raises:
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
        """
        await asyncio.to_thread(self._write, path, content)

    def _write(self, path: str, content: bytes) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._bucket.write(path, Path(file.name))

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.url, setting="EVENKEEL_RESULTS_URL")
