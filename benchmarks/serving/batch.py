"""A million rows at once by our `/batch`: seconds, and the memory that it takes over what the service holds idle."""

import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from benchmarks.serving.ours import OURS
from benchmarks.serving.rounds import IDLE_SECONDS, SETTLE_SECONDS, Figures
from benchmarks.serving.server import Server, serving
from benchmarks.serving.trained import COLUMNS, Trained, rows_of

FORMATS = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
}
CHUNK = 65_536


def batches(trained: Trained, port: int, rows: int) -> Figures:
    """`batch_FORMAT_s`, `batch_FORMAT_peak_mb` over idle, and `batch_FORMAT_kept_s` until all of it is stored.

    Raises:
        RuntimeError: An answer is missing or wrong, or was not kept.
    """
    figures: Figures = {}
    table = pa.table(dict(zip(COLUMNS, rows_of(rows, seed=5).T, strict=True)))
    with tempfile.TemporaryDirectory(prefix="bench-batch-") as folder:
        for name in FORMATS:
            write(table, Path(folder) / f"rows.{name}", name)
            with serving(OURS, trained, port, 1) as server:
                figures |= _batch(server, Path(folder), name, rows)
    return figures


def _batch(server: Server, folder: Path, name: str, rows: int) -> Figures:
    time.sleep(IDLE_SECONDS)
    before = server.tree.forget_peaks()
    target = folder / f"values.{name}"
    began = time.perf_counter()
    post_file(server, folder / f"rows.{name}", target, FORMATS[name])
    seconds = time.perf_counter() - began
    answered = read(target, name)
    if answered.num_rows != rows or not np.isfinite(answered["value"].to_numpy()).all():
        raise RuntimeError(f"/batch answered {answered.num_rows} rows of {rows}")
    until = time.monotonic() + SETTLE_SECONDS
    while (stored := OURS.kept and OURS.kept(server.folder)) is None and time.monotonic() < until:
        time.sleep(0.1)
    if stored is None or stored < rows:
        raise RuntimeError(f"/batch answered {rows} rows and kept {stored}")
    kept = time.perf_counter() - began
    peak = server.tree.peak_over(before)
    return {f"batch_{name}_s": seconds, f"batch_{name}_peak_mb": peak, f"batch_{name}_kept_s": kept}


def post_file(server: Server, source: Path, target: Path, media: str) -> None:
    """Stream a file to `/batch` and its answer to another, by curl: a client that costs little.

    Raises:
        RuntimeError: It was refused or broke off.
    """
    command = ["curl", "--silent", "--show-error", "--request", "POST", "--upload-file", str(source), "--output", str(target)]
    command += ["--header", f"Content-Type: {media}", "--header", "Expect:", "--write-out", "%{http_code}"]
    for header in server.headers:
        command += ["--header", header]
    told = subprocess.run([*command, f"http://127.0.0.1:{server.port}/batch"], capture_output=True, text=True, check=False)
    if told.returncode or told.stdout != "200":
        said = target.read_bytes()[:500] if target.exists() else b""
        raise RuntimeError(f"/batch: {told.stdout} {told.stderr} {said!r}")


def write(table: pa.Table, path: Path, name: str) -> None:
    """The table as a file of this format."""
    if name == "csv":
        pyarrow.csv.write_csv(table, path)
    elif name == "parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=CHUNK)
    else:
        with pa.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table, max_chunksize=CHUNK)


def read(path: Path, name: str) -> pa.Table:
    """The table in a file of this format."""
    if name == "csv":
        return pyarrow.csv.read_csv(path)
    if name == "parquet":
        return pyarrow.parquet.read_table(path)
    with pa.OSFile(str(path)) as file:
        return pyarrow.ipc.open_stream(file).read_all()
