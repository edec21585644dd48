"""What is served: a folder named by its hash, with a model and everything needed to trust its answers."""

from model_code.bundle.answers import Predicted
from model_code.bundle.bundle import Bundle
from model_code.bundle.contents import BundleContents, BundleRef
from model_code.bundle.inputs import InputColumn, Inputs
from model_code.bundle.load import load_bundle
from model_code.bundle.manifest import FORMAT, Manifest
from model_code.bundle.write import write_bundle

__all__ = [
    "FORMAT",
    "Bundle",
    "BundleContents",
    "BundleRef",
    "InputColumn",
    "Inputs",
    "Manifest",
    "Predicted",
    "load_bundle",
    "write_bundle",
]
