# Meshwork. Needs nothing but Python 3.13, git and make: uv is taken from the path, or installed into .mesh/uv.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check build up down bench clean setup contracts machines examples size sweep upgrades bursts year verify-aws

TEMPLATES := template.yaml template.producer.yaml template.consumer.yaml
EXAMPLES_PORT := 4590
# Three workers, with a mesh each, for two processors: tests wait for a third of their time. They take the next file when
# they are done with one, in the order of tests/conftest.py.
IN_WORKERS := -n 3 --dist loadfile --no-loadscope-reorder
CHECKED := layers/mesh/mesh functions cli local tools
ACCOUNTS := central producer consumer
# The program's own environment: never synchronised again behind its back, never a Python that uv downloads.
UV := .mesh/uv/bin/uv
RUN := $(UV) run --no-sync --no-env-file
export UV_PYTHON_DOWNLOADS := never
export SAM_CLI_TELEMETRY := 0
export AWS_EC2_METADATA_DISABLED := true
# Bytecode is kept: each of the tests' processes would compile all that it imports for some seconds.
unexport PYTHONDONTWRITEBYTECODE

help:  ## this list
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /  make \1\t/' | expand -t 18

demo: setup  ## three accounts on this machine: upload a product, see the consumer told
	@$(RUN) mesh demo --keep $(ARGS)

up: setup  ## start and deploy three accounts, or more: ARGS="--producers 2 --consumers 3"; they stay up
	@$(RUN) mesh up $(ARGS)

examples: setup  ## the examples' scripts on a mesh of their own: some minutes
	@$(RUN) mesh up --port $(EXAMPLES_PORT)
	@status=0; for example in access-by-events expiry; do \
		PATH="$$PWD/.venv/bin:$$PATH" PORT=$(EXAMPLES_PORT) examples/$$example.sh || { status=$$?; break; }; done; \
	$(RUN) mesh down --port $(EXAMPLES_PORT); exit $$status

down: setup  ## stop them
	@$(RUN) mesh down $(ARGS)

test: setup  ## all tests, some minutes; ARGS="tests/unit -k name" for some, HYPOTHESIS_PROFILE=long for more examples
	@$(RUN) python -m pytest -p no:cacheprovider $(or $(ARGS),$(IN_WORKERS))

check: setup  ## format, lint, types, layering, state machines, templates, generated files
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy --strict $(CHECKED)
	$(RUN) lint-imports
	$(RUN) python -m tools.machines --check
	$(RUN) python -m tools.asl_lint
	$(RUN) python -m tools.event_contracts --check
	$(RUN) python -m tools.sample_events --check
	$(RUN) python -m tools.layer_lock --check
	@# Beside each other, two at a time: each takes ten seconds of the processor.
	printf '%s\n' $(TEMPLATES) | xargs -P 2 -I {} $(RUN) sam validate --lint --template-file {} --region us-east-1
	@# checkov comes into an environment of its own, when it is first run.
	$(RUN) python -m tools.template_lint $(TEMPLATES)

contracts: setup  ## write events/ anew from the event models: contracts, and the samples of events/samples.yaml
	$(RUN) python -m tools.event_contracts
	$(RUN) python -m tools.sample_events

machines: setup  ## write statemachines/*.asl.json anew from their YAML
	$(RUN) python -m tools.machines

build: setup  ## sam build for each account, into .aws-sam/
	$(RUN) python -m tools.layer_lock
	PATH="$$($(RUN) python -m tools.interpreter):$$PATH"; \
	for account in $(ACCOUNTS); do .venv/bin/sam build --config-env $$account; done

verify-aws: build  ## deploy, try and remove a mesh in three AWS accounts: CENTRAL= PRODUCER= CONSUMER= profiles, ARGS="--prefix …"
	@$(RUN) python -m tools.verify_aws --central $(CENTRAL) --producer $(PRODUCER) --consumer $(CONSUMER) $(ARGS)

bench: setup  ## measure beside peers; agreement.py and bursts.py are run by hand
	@for bench in $(filter-out benchmarks/agreement.py benchmarks/bursts.py,$(wildcard benchmarks/*.py)); do $(RUN) python $$bench; done

bursts: setup  ## 1,000 uploads to one product, then to 20 at once: ARGS="--products 0 --uploads 10000" for 10,000 to one
	@$(RUN) python benchmarks/bursts.py $(ARGS)

size: setup  ## how large the project is: lines, functions, templates, machines
	@$(RUN) python -m tools.size

sweep: setup  ## each AWS call of each flow, disturbed in each way: hours; ARGS="--flow publish --minutes 20 --json FILE" for less
	@$(RUN) python -m tests.sweep $(ARGS)

upgrades: setup  ## an earlier commit's mesh, upgraded in each order of accounts while it works: ARGS="--from COMMIT --order …" for less
	@$(RUN) python -m tests.upgrades $(ARGS)

year: setup  ## forty changes in a simulated year of one mesh, while readers ask all the time: a quarter of an hour
	@$(RUN) python -m tests.year

clean:  ## stop the mesh; remove environments, builds and caches
	@if [ -x .venv/bin/mesh ] && [ -d .mesh ]; then .venv/bin/mesh down || true; fi
	rm -rf .venv .mesh .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

setup: $(UV) .venv/.synced

$(UV): tools/find_uv.sh
	@tools/find_uv.sh $@
	@touch $@

.venv/.synced: uv.lock pyproject.toml .python-version | $(UV)
	@echo "installing the locked dependencies into .venv"
	@$(UV) sync --locked --quiet --python "$$(tools/find_uv.sh --python)"
	@touch $@
