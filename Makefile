# One definition of each check: CI, pre-commit and people call the same targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := deploy/lock
IMAGE ?= scrapr
BASE ?= python:3.11-slim
KILLS ?= 20
ITEMS ?= 100000
LANES ?= 2
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet
INSTALLED := $(VENV)/.installed

.PHONY: help install demo test chaos test-cluster lint types architecture check bench-flow bench-engine bench-extraction bench-instructions bench-data bench-cluster bench-scale docs lock image push clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

$(INSTALLED): $(LOCK)/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "scrapr needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)/development.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

install: $(INSTALLED) ## Make .venv with the locked dependencies

demo: $(INSTALLED) ## Run the main job on a bundled site and show the data (ONCE=1: then end; PORT_BASE=4000: other ports)
	@$(BIN)/scrapr demo $(if $(ONCE),--once) $(if $(PORT_BASE),--port-base $(PORT_BASE))

test: check $(INSTALLED) ## Run every check and every test that this machine can run (LANES=4: as many at once)
	$(BIN)/pytest -m "not long" --numprocesses $(LANES) --no-loadscope-reorder

test-cluster: $(INSTALLED) ## Run all tests on Docker engines, the long ones, too (root; needs what .ci/run installs, and docker-registry)
	$(BIN)/pytest tests/cluster

chaos: $(INSTALLED) ## Break everything while data flows in, more than `make test` does (KILLS=100 ITEMS=1000000 OPTIONS='--seed 7')
	$(BIN)/pytest tests/chaos --kills $(KILLS) --items $(ITEMS) $(OPTIONS)

check: lint types architecture ## Run every check that is no test

lint: $(INSTALLED) ## Style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## Types of the package and the tests
	$(BIN)/mypy -p scrapr
	$(BIN)/mypy tests bench docs

architecture: $(INSTALLED) ## Import rules
	$(BIN)/lint-imports

bench-flow: $(INSTALLED) ## Measure the way from a posted configuration to the endpoint
	$(BIN)/python -m bench.flow

bench-engine: $(INSTALLED) ## Measure the engine, its floor and its peers (OPTIONS='--rounds 5')
	$(BIN)/python -m bench.engine $(OPTIONS)

bench-extraction: $(INSTALLED) ## Measure extraction by configuration against lexbor by hand
	$(BIN)/python -m bench.extraction $(OPTIONS)

bench-instructions: $(INSTALLED) ## Count the instructions of a page with valgrind, which a busy machine does not change
	$(BIN)/python -m bench.instructions $(OPTIONS)

bench-cluster: $(INSTALLED) ## Measure a cluster of Docker engines (root; OPTIONS='--rows cut update --kills 10 --consul 60')
	$(BIN)/python -m bench.cluster $(OPTIONS)

bench-scale: $(INSTALLED) ## Measure 100, 1,000 and 10,000 configurations on one machine (OPTIONS='--counts 100 --ttl 60')
	$(BIN)/python -m bench.scale $(OPTIONS)

bench-data: $(INSTALLED) ## Measure the data's way beside raw floors (OPTIONS='--rows posting stream')
	$(BIN)/python -m bench.data $(OPTIONS)

docs: $(INSTALLED) ## Write the reference pages anew
	$(BIN)/python -m docs.reference

lock: ## Lock the dependencies anew (needs uv)
	$(COMPILE) pyproject.toml --extra embedded --extra browser --extra cloud --extra parquet --group dev --output-file $(LOCK)/development.txt
	$(COMPILE) pyproject.toml --constraints $(LOCK)/development.txt --output-file $(LOCK)/image.txt
	$(COMPILE) --group build --constraints $(LOCK)/development.txt --output-file $(LOCK)/build.txt

image: ## Build the one image, the same bytes from the same commit (IMAGE=name BASE=python:3.11-slim)
	docker build --tag $(IMAGE):$(VERSION) --tag $(IMAGE):latest \
	  --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) \
	  --build-arg SOURCE_DATE_EPOCH=$(shell git log -1 --format=%ct) --build-arg PIP_OPTIONS="$(PIP_OPTIONS)" \
	  $(if $(SOURCE),--build-arg SOURCE=$(SOURCE)) $(DOCKER_OPTIONS) .

push: ## Push the image to REGISTRY=host[:port][/path]; prints the digest to deploy
	@test -n "$(REGISTRY)" || { echo "make push REGISTRY=host[:port][/path]"; exit 2; }
	docker tag $(IMAGE):$(VERSION) $(REGISTRY)/$(IMAGE):$(VERSION)
	docker push $(REGISTRY)/$(IMAGE):$(VERSION)
	@docker inspect --format '{{index .RepoDigests 0}}' $(REGISTRY)/$(IMAGE):$(VERSION)

clean: ## Remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
