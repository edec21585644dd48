"""Bundles in a bucket: read file by file against the manifest, written with the manifest last."""

import hashlib
from collections.abc import Callable

from model_code.bundle import BundleRef
from model_code.bundle.manifest import MANIFEST, MAX_BYTES, MAX_MANIFEST_BYTES, MAX_TEXT_BYTES, OWN_FILES, parse_manifest
from model_code.bundle_store.bucket import Absent, Bucket
from model_code.errors import BundleError, BundleUnavailable


class RemoteBundles:
    """The bundles below a bucket's prefix, each under its hash.

    Args:
        bucket: Where they lie.
    """

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def read(self, bundle_hash: str, take: Callable[[str, bytes], None]) -> None:
        """Read a bundle: its manifest, then exactly the files that this names, none larger than a bundle may have.

        Args:
            bundle_hash: SHA-256 of its manifest.
            take: Called with a file's name and the next piece of its content. A file is known to be what was written
                only once this method returns.

        Raises:
            BundleError: Missing, or not what was written.
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
        """
        try:
            content = b"".join(self.bucket.read(f"{bundle_hash}/{MANIFEST}", MAX_MANIFEST_BYTES))
        except Absent as error:
            raise Absent(
                f"no bundle {bundle_hash[:12]} in {self.bucket.url}", hint="was it removed, or written elsewhere?"
            ) from error
        if hashlib.sha256(content).hexdigest() != bundle_hash:
            raise self._damaged(bundle_hash, MANIFEST)
        manifest = parse_manifest(content, bundle_hash)
        take(MANIFEST, content)
        left = MAX_BYTES
        for name, wanted in manifest.files.items():
            limit = min(left, MAX_TEXT_BYTES) if name in OWN_FILES else left
            found, size = self._file(bundle_hash, name, limit, take)
            if found != wanted:
                raise self._damaged(bundle_hash, name)
            left -= size

    def is_whole(self, bundle_hash: str) -> bool:
        """Whether the bundle is there with every byte.

        Raises:
            BundleUnavailable: The bucket is missing, does not answer, or refuses.
        """
        try:
            self.read(bundle_hash, lambda _name, _piece: None)
        except BundleUnavailable:
            raise
        except BundleError:
            return False
        return True

    def write(self, ref: BundleRef) -> None:
        """Write a bundle that lies in a folder; one that is there whole already stays, a damaged one is replaced.

        Raises:
            BundleUnavailable: The bucket is missing, does not answer, or refuses; run it again.
        """
        if self.is_whole(ref.hash):
            return
        manifest = parse_manifest((ref.path / MANIFEST).read_bytes(), ref.hash)
        for name in [*sorted(manifest.files), MANIFEST]:  # readers begin with the manifest, so it must be the last to come
            self.bucket.write(f"{ref.hash}/{name}", ref.path / name)

    def _file(self, bundle_hash: str, name: str, limit: int, take: Callable[[str, bytes], None]) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        take(name, b"")  # an empty file is a file
        try:
            for piece in self.bucket.read(f"{bundle_hash}/{name}", limit):
                digest.update(piece)
                size += len(piece)
                take(name, piece)
        except Absent as error:
            raise self._damaged(bundle_hash, name) from error
        return digest.hexdigest(), size

    def _damaged(self, bundle_hash: str, name: str) -> BundleError:
        return BundleError(
            f"bundle {bundle_hash[:12]} in {self.bucket.url} is damaged: {name} is missing or altered",
            hint="write it again from where it was trained, or promote another version",
        )
