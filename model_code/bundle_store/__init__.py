"""Where bundles lie: in an image, in a folder, in a bucket; addressed by their hash, checked wherever they come from."""

from model_code.bundle_store.store import BundleStore

__all__ = ["BundleStore"]
