"""The model registry: versions, aliases and runs of every use case, in MLflow."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from model_code.errors import RegistryError
from model_code.registry.connection import Connection
from model_code.registry.runs import KEY, NAME, PARENT, Run, Trial, trial_of
from model_code.registry.versions import BUNDLE, Addressed, Version, tags_of, version_of

SHOWN_FILES = ("manifest.json", "usecase.yaml", "features.py", "calibration.json", "profile.json", "golden.json")
PAGE = 1000


class Registry:
    """All that Evenkeel asks of MLflow. A registered model and an experiment bear the use case's name.

    Args:
        url: `sqlite:////FOLDER/mlflow.db`, `postgresql://…`, or the address of an MLflow server. Nothing is
            opened before the first call.

    Raises:
        ConfigurationError: Another kind of URL.
    """

    def __init__(self, url: str) -> None:
        self._connection = Connection(url)
        self._experiments: dict[str, str] = {}

    def register(
        self, bundle: Addressed, manifest: Mapping[str, Any], metrics: Mapping[str, float], run_id: str | None = None
    ) -> str:
        """Register a bundle as a version of its use case; the same bundle again is the same version.

        Args:
            bundle: Its hash and where it lies; the files for people to read are copied to the run.
            manifest: The bundle's manifest.
            metrics: Of its backtest.
            run_id: Run that trained it. Default: a run is made for the bundle.

        Returns:
            The version's number.

        Raises:
            RegistryError: MLflow is unreachable or refuses.
        """
        usecase = str(manifest["usecase"])
        known = self._with_bundle(usecase, bundle.hash)
        if known:
            return known[0]
        run = run_id or self._log_bundle_run(usecase, bundle, manifest, metrics)
        with self._connection.client() as client:
            with _already_there():
                client.create_registered_model(usecase)
            source = f"evenkeel-bundle:/{bundle.hash}"
            made = client.create_model_version(usecase, source, run, tags_of(bundle, manifest, metrics), await_creation_for=0)
            # Two programs at once: the first version stays, the other one goes.
            first = self._with_bundle(usecase, bundle.hash)[0]
            if first != str(made.version):
                client.delete_model_version(usecase, str(made.version))
        return first

    def versions(self, usecase: str) -> list[Version]:
        """All versions, oldest first; none for a use case that never registered one."""
        with self._connection.client() as client:
            aliases = _aliases(client, usecase)
            found = _pages(client.search_model_versions, filter_string=f"name = '{usecase}'")
        listed = [version_of(each).model_copy(update={"aliases": aliases.get(str(each.version), ())}) for each in found]
        return sorted(listed, key=lambda each: int(each.version))

    def version(self, usecase: str, version: str) -> Version:
        """One version.

        Raises:
            RegistryError: There is no such version.
        """
        with self._connection.client() as client:
            found = _found(lambda: client.get_model_version(usecase, str(version)))
        if found is None:
            raise RegistryError(f"{usecase} has no version {version}", hint="`make ledger` and MLflow list those there are")
        return version_of(found)

    def bundle_of(self, usecase: str, version: str) -> str:
        """Hash of a version's bundle.

        Raises:
            RegistryError: There is no such version.
        """
        return self.version(usecase, version).bundle

    def version_of(self, usecase: str, alias: str) -> str | None:
        """The version that an alias (champion, challenger, previous) points to; None when it points nowhere."""
        with self._connection.client() as client:
            found = _found(lambda: client.get_model_version_by_alias(usecase, alias))
        return str(found.version) if found else None

    def set_alias(self, usecase: str, alias: str, version: str | None) -> None:
        """Point an alias to a version; None removes it.

        Raises:
            RegistryError: There is no such version.
        """
        with self._connection.client() as client:
            if version is not None:
                client.set_registered_model_alias(usecase, alias, version)
            elif self.version_of(usecase, alias) is not None:
                client.delete_registered_model_alias(usecase, alias)

    @contextlib.contextmanager
    def start_run(
        self,
        usecase: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Iterator[Run]:
        """A run to log to; it ends FINISHED, FAILED by an error, or KILLED by an interrupt.

        Args:
            usecase: Name of the use case.
            name: For people.
            parent: Run that this one is a part of (a trial's search).
            tags: More tags.
            key: The same key resumes the run that bears it, instead of doubling it.

        Raises:
            RegistryError: MLflow is unreachable.
        """
        run = Run(self._connection, self._run_id(usecase, name, parent, dict(tags or {}), key))
        try:
            yield run
        except Exception:
            self._end(run, "FAILED")
            raise
        except BaseException:
            self._end(run, "KILLED")
            raise
        self._end(run, "FINISHED")

    def run_params(self, usecase: str, kind: str, run_id: str | None = None) -> dict[str, str]:
        """What was logged as parameters by the newest finished run of a kind, or by the run named.

        Args:
            usecase: Name of the use case.
            kind: Its tag `kind`, such as `search`.
            run_id: One run. Default: the newest finished one of the kind.

        Raises:
            RegistryError: There is no such run, or MLflow is unreachable.
        """
        wanted = f"tags.kind = '{kind}' and attributes.status = 'FINISHED'"
        with self._connection.client() as client:
            found = client.search_runs([self._experiment(usecase)], wanted, order_by=["attributes.end_time DESC"])
        chosen = [run for run in found if run_id in (None, run.info.run_id)]
        if not chosen:
            raise RegistryError(f"{usecase}: no finished {kind} run {run_id or ''}", hint=f"run the {kind} flow first")
        return dict(chosen[0].data.params)

    def trials(self, usecase: str, parent: str) -> list[Trial]:
        """The runs that are part of a search, in the order in which they began."""
        with self._connection.client() as client:
            found = _pages(
                client.search_runs,
                experiment_ids=[self._experiment(usecase)],
                filter_string=f"tags.`{PARENT}` = '{parent}'",
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            )
        return [trial_of(each) for each in found]

    def _with_bundle(self, usecase: str, bundle: str) -> list[str]:
        with self._connection.client() as client:
            found = _pages(client.search_model_versions, filter_string=f"name = '{usecase}' and tags.`{BUNDLE}` = '{bundle}'")
        return sorted((str(each.version) for each in found), key=int)

    def _log_bundle_run(self, usecase: str, bundle: Addressed, manifest: Mapping[str, Any], metrics: Mapping[str, float]) -> str:
        with self.start_run(usecase, f"bundle {bundle.hash[:12]}", tags={BUNDLE: bundle.hash}, key=bundle.hash) as run:
            run.log_params({"family": manifest.get("family", ""), **manifest.get("parameters", {})})
            run.log_metrics(metrics)
            for file in SHOWN_FILES:
                if (bundle.path / file).is_file():
                    run.log_artifact(bundle.path / file, "bundle")
        return run.id

    def _run_id(self, usecase: str, name: str, parent: str | None, tags: dict[str, str], key: str | None) -> str:
        experiment = self._experiment(usecase)
        tags |= {NAME: name} | ({PARENT: parent} if parent else {}) | ({KEY: key} if key else {})
        with self._connection.client() as client:
            if key:
                found = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
                if found:
                    client.update_run(found[0].info.run_id, "RUNNING")
                    return str(found[0].info.run_id)
            return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)

    def _end(self, run: Run, status: str) -> None:
        with self._connection.client() as client:
            client.set_terminated(run.id, status)

    def _experiment(self, usecase: str) -> str:
        if usecase not in self._experiments:
            with self._connection.client() as client:
                with _already_there():
                    if client.get_experiment_by_name(usecase) is None:
                        client.create_experiment(usecase, artifact_location=self._location(usecase))
                self._experiments[usecase] = client.get_experiment_by_name(usecase).experiment_id
        return self._experiments[usecase]

    def _location(self, usecase: str) -> str | None:
        return f"{self._connection.artifacts}/{usecase}" if self._connection.artifacts else None


@contextlib.contextmanager
def _already_there() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _found(ask: Callable[[], Any]) -> Any:
    """What MLflow answers; None where it says that there is no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        # An alias that points nowhere, and a version that is no number, are invalid parameters to MLflow.
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _aliases(client: Any, usecase: str) -> dict[str, tuple[str, ...]]:
    """Version -> its aliases."""
    found = client.search_registered_models(f"name = '{usecase}'")
    by_version: dict[str, tuple[str, ...]] = {}
    for alias, version in sorted((found[0].aliases if found else {}).items()):
        by_version[str(version)] = (*by_version.get(str(version), ()), alias)
    return by_version


def _pages(search: Any, **query: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = search(**query, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
