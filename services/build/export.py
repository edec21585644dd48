"""`python -m services.build.export RELEASE FOLDER`: build and export a Bento, by BentoML's store in `BENTOML_HOME`."""

import argparse
import shutil
from pathlib import Path

from services.build.release import Release

CHECKOUT = Path(__file__).parents[2]
SERVICE = "services.forecaster.service:Forecaster"
CODE = ["model_code/**/*.py", "model_code/**/*.yaml"] + [
    f"services/{part}" for part in ("*.py", "image/__init__.py", "image/check.py", "forecaster/**/*.py", "keeping/**/*.py")
]
LABEL_LENGTH = 63


def main() -> None:
    """Put the bundle into the model store, build the Bento that refers to it, export both."""
    parser = argparse.ArgumentParser(prog="python -m services.build.export", description=__doc__)
    parser.add_argument("release", help="what to pack, as JSON")
    parser.add_argument("folder", type=Path, help="where the exported Bento goes")
    options = parser.parse_args()
    export(Release.model_validate_json(options.release), options.folder)


def export(release: Release, folder: Path) -> None:
    """Export the release's Bento; see `services.build.bento`."""
    import bentoml

    tag = f"{release.usecase}:{release.bundle[:16]}"
    with bentoml.models.create(tag, metadata={"bundle": release.bundle}) as model:
        shutil.copytree(release.folder, Path(model.path) / release.bundle)
    bento = bentoml.build(
        SERVICE,
        name=release.usecase,
        version=release.bundle[:16],
        include=CODE,
        models=[{"tag": tag, "alias": "bundle"}],
        labels={"usecase": release.usecase, "version": release.version, "bundle": release.bundle[:LABEL_LENGTH]},
        python={"lock_packages": False},  # the image has lock files of its own, with hashes
        build_ctx=str(CHECKOUT),
    )
    bento.export(str(folder), output_format="folder")


if __name__ == "__main__":
    main()
