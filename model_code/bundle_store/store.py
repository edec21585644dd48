"""The bundle store: the one way to a bundle, whether an image carries it, a folder holds it, or a bucket."""

from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from model_code.bundle import Bundle, BundleContents, BundleRef, Composition, load_bundle, write_bundle, write_composite
from model_code.bundle_store.bucket import Bucket
from model_code.bundle_store.cache import HASH, Cache, is_intact
from model_code.bundle_store.remote import RemoteBundles
from model_code.errors import BundleError


def _none() -> Collection[str]:
    return ()


class BundleStore:
    """Bundles by their hash. One that is on this machine is loaded without asking anybody.

    Args:
        url: A folder, `s3://bucket/prefix` or `gs://bucket/prefix`.
        cache: Folder for what is fetched from a bucket; not used where `url` is a folder.
        baked: Folder of bundles that came with an image; looked into first, never written to.
        wanted: Hashes that the cache keeps in any case: those that pointers name.

    Raises:
        ConfigurationError: Another kind of URL.

    Attributes:
        url: As given.
        folder: Where this machine has its bundles: the folder itself, or the cache.
    """

    def __init__(
        self, url: str, *, cache: Path, baked: Path | None = None, wanted: Callable[[], Collection[str]] = _none
    ) -> None:
        self.url = url
        self._baked = baked
        self._remote = RemoteBundles(Bucket(url)) if "://" in url else None
        self.folder = Path(cache) if self._remote else Path(url)
        self._cache = Cache(self.folder, self._remote, wanted) if self._remote else None

    def load(self, bundle_hash: str) -> Bundle:
        """The bundle of that hash: from the image, from this machine's folder, else fetched; checked in each case.

        Args:
            bundle_hash: SHA-256 of its manifest, 64 hexadecimal digits.

        Raises:
            BundleError: Missing, damaged, or it gives other golden answers.
            BundleUnavailable: It is not on this machine, and the store cannot be asked; trying again may help.
        """
        if not HASH.fullmatch(bundle_hash):
            raise BundleError(f"{bundle_hash[:80]!r} is no bundle hash", hint="64 hexadecimal digits")
        if self._baked is not None and (self._baked / bundle_hash).is_dir():
            try:
                return load_bundle(self._baked, bundle_hash)
            except BundleError:
                if is_intact(self._baked, bundle_hash):
                    raise  # another copy has the same bytes
        if self._cache is None:
            return load_bundle(self.folder, bundle_hash)
        return self._cached(self._cache, bundle_hash)

    def write(self, contents: BundleContents | Composition) -> BundleRef:
        """Write a bundle; the same contents give the same hash, and what is there whole stays.

        Returns:
            Its hash, and its folder on this machine.

        Raises:
            BundleError: The contents do not fit together, or the folder cannot be written.
            BundleUnavailable: The bucket is missing, does not answer, or refuses: nobody can see the bundle then.
        """
        ref = write_composite(self.folder, contents) if isinstance(contents, Composition) else write_bundle(self.folder, contents)
        if self._remote is not None and self._cache is not None:
            self._remote.write(ref)
            self._cache.make_room(ref.hash)
        return ref

    def _cached(self, cache: Cache, bundle_hash: str) -> Bundle:
        if (self.folder / bundle_hash).is_dir():
            with suppress(BundleError):  # told below, if it was not for damage on this disk
                bundle = load_bundle(self.folder, bundle_hash)
                cache.used(bundle_hash)
                return bundle
        cache.fetch(bundle_hash)
        return load_bundle(self.folder, bundle_hash)
