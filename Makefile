# Evenkeel's vocabulary of commands. People and CI use the same words; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PY := $(VENV)/bin/python
LOCKS := requirements/bootstrap.txt requirements/dev.txt
# Named after what was installed: other requirements or another Python are another stamp, and a set-up that was cut short has none.
STAMP := $(VENV)/.ready-$(shell cat $(LOCKS) | sha256sum | cut -c1-16)
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))
PROCESSES ?= 2
USECASE ?= demand_victoria

export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export BENTOML_DO_NOT_TRACK := True
export ORT_DISABLE_TELEMETRY := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help:  ## This list
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / { printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo; echo "Ports and places are settings (EVENKEEL_…): docs/settings.md"

.PHONY: setup
setup: $(STAMP)  ## Virtual environment with pinned and hashed packages (PYTHON=/path/to/python3.11)

# An older stamp means a whole environment to bring up to date; none means one that cannot be trusted: it is made anew.
$(STAMP):
	@exec 9<Makefile; flock 9; if [ -e $@ ]; then exit 0; fi; \
	if ! compgen -G '$(VENV)/.ready-*' >/dev/null; then \
	  found=; for candidate in $(PYTHON) python3.11 python3 python; do \
	    if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then found=$$candidate; break; fi; done; \
	  if [ -z "$$found" ]; then \
	    echo "No Python 3.11 with venv and pip found. On Debian: apt-get install python3 python3-venv python3-pip;"; \
	    echo "or name one: make PYTHON=/path/to/python3.11"; exit 1; fi; \
	  echo "Making $(VENV) with $$("$$found" --version)"; \
	  rm -rf $(VENV); "$$found" -m venv $(VENV); \
	fi; \
	rm -f $(VENV)/.ready-*; \
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt; \
	$(PY) -m uv pip install --quiet --python $(PY) --require-hashes --compile-bytecode -r requirements/dev.txt; \
	$(PY) -m flows.stack prepare; \
	touch $@; echo "Environment ready"

.PHONY: demo
demo: setup  ## The whole loop on real data, from refresh to rollback; about five minutes
	@$(PY) -m flows.demo

.PHONY: drill
drill: setup  ## Put something wrong into the world and check what the loop does (NAME=bad_release SEED=1; docs/drills.md)
	@$(PY) -m flows.drill $(or $(NAME),$(error name the drill: make drill NAME=bad_release)) --seed $(or $(SEED),1) $(if $(PREFECT),--prefect)

.PHONY: test
test: setup  ## Tests, about a quarter of an hour on two cores (PROCESSES=2)
	@$(PY) -m pytest -n $(PROCESSES) --dist loadgroup -m "not full"

.PHONY: test-full
test-full: setup  ## Every test, those that take long too
	@$(PY) -m pytest -n $(PROCESSES) --dist loadgroup

.PHONY: e2e
e2e: setup  ## Image, chart and service on a real cluster (TEST_SHARED=folder with cluster/; needs root, twenty minutes; MARKED=full: those that last)
	@tests/e2e/run

.PHONY: check
check: setup  ## Lint, format, types, import direction; changes nothing
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

.PHONY: fix
fix: setup  ## Let ruff repair what it can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: up
up: setup  ## Start the local stack that stays: Prefect, MLflow, the service, the exporter, Prometheus where installed
	@$(PY) -m flows.stack up
	@$(PY) -m flows.first_model $(USECASE)
	@$(PY) -m flows.stack status

.PHONY: down
down: setup  ## End everything that `up` started
	@$(PY) -m flows.stack down

.PHONY: status
status: setup  ## What runs, and where (TARGET=helm USECASE=…: what a target runs; docs/rollout.md)
	@$(PY) -m $(if $(TARGET),services.rollout status --target $(TARGET) --usecase $(USECASE),flows.stack status)

.PHONY: deploy
deploy: setup  ## A promoted version to where it answers (TARGET=helm USECASE=… VERSION=n IMAGE=repository:tag)
	@$(PY) -m services.rollout deploy --usecase $(USECASE) $(if $(TARGET),--target $(TARGET)) $(if $(VERSION),--version $(VERSION)) $(if $(IMAGE),--image $(IMAGE))

.PHONY: automations
automations: setup  ## Register the automations again at the local Prefect server (`make up` does it too)
	@$(PY) -m flows.stack automations

.PHONY: ledger
ledger: setup  ## Who moved which model, when and why (USECASE=demand_victoria)
	@$(PY) -m model_code.ledger $(USECASE)

.PHONY: dashboards
dashboards: setup  ## Grafana's files and their pictures, made again (docs/dashboards.md)
	@$(PY) -m monitoring.grafana write
	@$(PY) -m monitoring.platform_chart
	@$(PY) -m monitoring.grafana pictures

.PHONY: refresh
refresh: setup  ## Bring a use case's data up to date (USECASE=demand_us)
	@$(PY) -m flows.refresh $(USECASE)

.PHONY: aside
aside: setup  ## Rows set aside as faulty: list them, or take some back (USECASE=… FEED=… [DO=take-back ARGS="--start … --end … --why … --actor …"])
	@$(PY) -m model_code.data.aside $(or $(DO),list) $(USECASE) $(or $(FEED),$(error name the feed: make aside FEED=demand)) $(ARGS)

.PHONY: reproduce
reproduce: setup  ## Rebuild a registered version and compare hashes (USECASE=… VERSION=n)
	@$(PY) -m model_code.reproduce $(USECASE) $(or $(VERSION),$(error name the version: make reproduce VERSION=n))

.PHONY: serve
serve: setup  ## The champion in the foreground, the demo's where there is no other (USECASE=… PORT=3000)
	@exec $(PY) -m services.serve --usecase $(USECASE) $(if $(PORT),--port $(PORT))

.PHONY: image
image: setup  ## The champion as an image with its bill of materials (USECASE=… [VERSION=n GPU=1 BASE=…]; needs Docker)
	@$(PY) -m services.build image --usecase $(USECASE) $(if $(VERSION),--version $(VERSION)) $(if $(GPU),--gpu) $(if $(BASE),--base $(BASE))

.PHONY: rollout
rollout: setup  ## Roll a version out, judged at each step (USECASE=… [VERSION=n IMAGE=… WHY=…]; docs/canary.md)
	@$(PY) -m flows.rollout $(USECASE) $(VERSION) $(if $(IMAGE),--image $(IMAGE)) $(if $(WHY),--reason "$(WHY)")

.PHONY: platform-image
platform-image: setup  ## The platform as an image: Prefect, MLflow, flow runs, exporter, bridge, reports (needs Docker; docs/platform.md)
	@$(PY) -m services.build platform

bench-%: setup  ## A benchmark of benchmarks/, such as bench-drift; exits with 1 where a stated goal is missed, as drift's is
	@$(PY) -m benchmarks.$(subst -,_,$*)

.PHONY: clean
clean:  ## End the local stack, remove its state and all caches (the environment stays)
	@if [ -e $(STAMP) ]; then $(PY) -m flows.stack down; fi
	@rm -rf .evenkeel .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -not -path './.peers/*' -prune -exec rm -rf {} +
