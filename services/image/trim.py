"""Run in an image's build: `trim.py packages|platform FOLDER` and `trim.py system` remove what is never read. Standard library only."""

import compileall
import hashlib
import py_compile
import shutil
import struct
import sys
from pathlib import Path

# Headers, type stubs and sources of compiled modules: for building against a package, not for running it.
SOURCES = {".pyi", ".pxd", ".pyx", ".pxi", ".h", ".hpp", ".c", ".cpp", ".cc", ".f90", ".a", ".lib", ".cmake"}
TESTS = {"test", "tests"}
# numpy.testing, which packages import, takes one module from among NumPy's tests.
KEPT = "numpy/_core/tests/_natype.py"
# What it calls tests is what it does: of data.
TESTERS = ("evidently",)
# Parts of packages that no path of the service imports; a build that misses one fails in its last step, which answers a request.
UNUSED = (
    "onnxruntime/capi/libonnxruntime.so*",  # the Python module has the same code linked in
    "onnxruntime/tools",
    "onnxruntime/quantization",
    "onnxruntime/transformers",
    "onnxruntime/datasets",
    "pyarrow/include",
    "pyarrow/src",
    "pyarrow/libarrow_flight*",
    "pyarrow/_flight*",
    "pyarrow/_pyarrow_cpp_tests*",
    "numpy/_core/_simd.*",  # for NumPy's own tests
    "pygments/lexers/[!_]*",  # colours for languages that nobody prints here; the list of them stays
    "*.dist-info/sboms",
)
# The same for the platform's image, which prints colours, and has the discovery documents of every Google API beside it.
COLOURS = "pygments/lexers/[!_]*"
PLATFORM_UNUSED = (
    *(pattern for pattern in UNUSED if pattern != COLOURS),
    "googleapiclient/discovery_cache/documents/*",
    "plotly/package_data/datasets",
    "sympy/parsing/autolev",
)
# XGBoost and LightGBM import scipy.sparse and scipy.special; scikit-learn and JAX import nearly all of it.
ALL_OF_SCIPY = ("sklearn", "jax")
SCIPY_UNUSED = (
    "cluster", "constants", "datasets", "differentiate", "fft", "fftpack", "integrate", "interpolate", "io", "linalg", "misc",
    "ndimage", "odr", "optimize", "signal", "spatial", "stats",
)  # fmt: skip
# Of the operating system: installers and what only they need. The list of packages (/var/lib/dpkg/status) stays, for scanners.
SYSTEM = (
    "usr/lib/python3*/dist-packages/pip*", "usr/lib/python3*/dist-packages/setuptools*", "usr/lib/python3*/dist-packages/wheel*",
    "usr/lib/python3*/dist-packages/pkg_resources", "usr/lib/python3*/dist-packages/_distutils_hack", "usr/share/python-wheels",
    "usr/local/lib/python3*/site-packages/pip*", "usr/local/lib/python3*/site-packages/setuptools*",
    "usr/local/lib/python3*/site-packages/wheel*", "usr/local/lib/python3*/site-packages/pkg_resources",
    "usr/local/lib/python3*/site-packages/_distutils_hack", "usr/local/bin/pip*", "usr/bin/pip*", "usr/bin/wheel*",
    "usr/*/python3.*/ensurepip", "usr/*/*/python3.*/ensurepip", "usr/lib/python3.*/test", "usr/local/lib/python3.*/test",
    "usr/lib/python3.*/config-*", "usr/local/lib/python3.*/config-*", "usr/lib/python3.*/idlelib",
    "usr/local/lib/python3.*/idlelib", "usr/lib/python3.*/lib2to3", "usr/local/lib/python3.*/lib2to3",
    "usr/lib/python3.*/pydoc_data", "usr/local/lib/python3.*/pydoc_data", "usr/local/lib/python3.*/tkinter",
    "usr/bin/apt*", "usr/lib/apt", "usr/lib/*/libapt-*", "usr/share/perl*", "usr/lib/*/perl*", "usr/bin/perl*",
    "usr/bin/dpkg*", "usr/sbin/dpkg*", "usr/sbin/mkfs*", "usr/sbin/mke2fs", "usr/sbin/*e2*", "usr/sbin/debugfs",
    "usr/sbin/*", "usr/lib/*/security", "usr/lib/*/libgnutls*", "usr/lib/*/libunistring*", "usr/lib/*/libp11-kit*",
    "usr/lib/*/libdb-5*", "usr/lib/*/libext2fs*", "usr/lib/*/gconv", "usr/share/zoneinfo", "usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale",
    "usr/share/bash-completion", "usr/share/perl5", "usr/lib/udev", "usr/lib/systemd", "usr/lib/x86_64-linux-gnu/systemd",
    "var/lib/apt", "var/cache", "var/log", "var/lib/dpkg/info", "root/.cache", "etc/pip.conf",
)  # fmt: skip


def trim_packages(root: Path, unused: tuple[str, ...] = UNUSED) -> None:
    """Trim site-packages below `root`."""
    packages = next(root.glob("lib/python3*/site-packages"))
    for pattern in unused:
        _remove(packages, pattern)
    if not any((packages / name).exists() for name in ALL_OF_SCIPY):
        for part in SCIPY_UNUSED:
            _remove(packages, f"scipy/{part}")
    for path in sorted(packages.rglob("*"), reverse=True):
        if path.is_dir() and path.name in TESTS and path.relative_to(packages).parts[0] not in TESTERS:
            _remove_tests(path, packages)
        elif path.is_file() and path.suffix in SOURCES:
            path.unlink()
        elif path.is_file() and ".so" in path.name:
            strip(path)
    _link_copies(packages)


def _remove_tests(folder: Path, packages: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(packages).as_posix() != KEPT:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()


def _link_copies(packages: Path) -> None:
    """Libraries that a wheel has under several names (it cannot hold links) become one file again."""
    seen: dict[bytes, Path] = {}
    for path in sorted(packages.rglob("*.so*")):
        if path.is_file() and not path.is_symlink():
            first = seen.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
            if first.parent == path.parent and first != path:
                path.unlink()
                path.symlink_to(first.name)


def trim_platform(root: Path) -> None:
    """Trim site-packages below `root` for the platform's image."""
    trim_packages(root, PLATFORM_UNUSED)


def trim_system(root: Path) -> None:
    """Trim the operating system below `root`."""
    for pattern in SYSTEM:
        _remove(root, pattern)


def strip(path: Path) -> None:
    """Cut what a 64-bit ELF library has after its last loaded byte: symbols for debuggers. Nothing that is loaded moves."""
    content = path.read_bytes()
    if content[:6] != b"\x7fELF\x02\x01":
        return
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    ends = [table + size * count, 64]
    for number in range(count):
        offset, _, _, length = struct.unpack_from("<QQQQ", content, table + number * size + 8)
        ends.append(offset + length)
    header = bytearray(content[:64])
    struct.pack_into("<Q", header, 40, 0)  # no table of sections
    struct.pack_into("<HH", header, 60, 0, 0)
    # Another file in its place, never the same one rewritten: installers link files to their cache, and programs may have it loaded.
    cut = path.with_name(f".{path.name}.cut")
    cut.write_bytes(bytes(header) + content[64 : max(ends)])
    cut.chmod(path.stat().st_mode & 0o7777)
    cut.replace(path)


def _remove(root: Path, pattern: str) -> None:
    for path in root.glob(pattern):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def compile_packages(root: Path) -> None:
    """Byte code that is the same whenever it is made; some packages ship files for other versions of Python, which stay as they are."""
    compileall.compile_dir(root / "lib", quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    steps = {"packages": trim_packages, "platform": trim_platform, "system": trim_system, "compile": compile_packages}
    steps[sys.argv[1]](Path(sys.argv[2] if len(sys.argv) > 2 else "/"))
