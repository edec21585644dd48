"""`python -m services.build image|context --usecase NAME`: pack a registry version with its service; `platform`: all the rest."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model_code.exit_status import exit_status
from model_code.installation import Installation
from model_code.settings import Settings
from services.build.engine import Engine
from services.build.image import BASE, build_image, prepare
from services.build.platform import build_platform
from services.build.release import release_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when it is built; the last line names it."""
    options = _options(arguments)
    return exit_status(lambda: _build(options))


def _build(options: argparse.Namespace) -> None:
    settings = Settings.load()
    if options.what == "platform":
        _build_platform(settings, options)
        return
    engine = Engine(options.docker) if options.what == "image" else None  # said before any work is done
    release = release_of(Installation.open(options.usecase or settings.usecase, settings), options.version)
    folder = options.folder or settings.home / "images" / release.usecase
    print(f"{release.usecase} version {release.version}, bundle {release.bundle[:12]}, family {release.family}", flush=True)
    if engine is None:
        context = prepare(release, folder, gpu=options.gpu)
        print(f"build context {context.folder} ({context.requirements}), content {context.tag}")
        return
    image = build_image(release, folder, engine, tag=options.tag, base=options.base, gpu=options.gpu)
    print(f"bill of materials {image.bill}")
    print(f"{image.size / 1e6:.0f} MB, bundle layer {image.bundle_layer}")
    print(image.name)


def _build_platform(settings: Settings, options: argparse.Namespace) -> None:
    folder = options.folder or settings.home / "images" / "platform"
    image = build_platform(folder, Engine(options.docker), tag=options.tag, base=options.base)
    print(f"bill of materials {image.bill}")
    print(f"{image.size / 1e6:.0f} MB")
    print(image.name)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.build", description=__doc__)
    parser.add_argument(
        "what", choices=("image", "context", "platform"), help="an image, what an engine builds it from, the platform's image"
    )
    parser.add_argument("--usecase", help="name of the use case (EVENKEEL_USECASE)")
    parser.add_argument("--version", help="registry version; default: the champion")
    parser.add_argument(
        "--tag", help="repository:tag; default: evenkeel-USECASE:HASH (evenkeel-platform:HASH) of content and base"
    )
    parser.add_argument("--base", default=BASE, help="base image with Python 3.11 (default: %(default)s)")
    parser.add_argument("--gpu", action="store_true", help="the CUDA build of the family's library; name a CUDA base with it")
    parser.add_argument("--folder", type=Path, help="where Bento, context and bill of materials go; default: HOME/images/USECASE")
    parser.add_argument("--docker", help="the engine's command (DOCKER)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
