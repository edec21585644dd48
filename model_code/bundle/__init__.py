"""What is served: a folder named by its hash, with a model and everything needed to trust its answers."""

from model_code.bundle.answers import Divide, Predicted, PredictMatrix
from model_code.bundle.bundle import Bundle
from model_code.bundle.composite_files import write_composite
from model_code.bundle.composition import Composition, compose, differences, fits
from model_code.bundle.contents import BundleContents, BundleRef
from model_code.bundle.inputs import InputColumn, Inputs
from model_code.bundle.load import load_bundle
from model_code.bundle.manifest import COMPOSITE, FORMAT, Manifest
from model_code.bundle.write import write_bundle

__all__ = [
    "COMPOSITE",
    "FORMAT",
    "Bundle",
    "BundleContents",
    "BundleRef",
    "Composition",
    "Divide",
    "InputColumn",
    "Inputs",
    "Manifest",
    "PredictMatrix",
    "Predicted",
    "compose",
    "differences",
    "fits",
    "load_bundle",
    "write_bundle",
    "write_composite",
]
