# The front door. `make help` lists the targets.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
# Checkouts share compiler results wherever they lie.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := true

.DEFAULT_GOAL := help
.PHONY: help deps deps-test build run stop test test-tsan bench e2e images e2e-docker e2e-kubernetes fmt tidy

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

deps: ## install what the build needs from apt (root or sudo)
	@scripts/deps.sh

deps-test:
	@scripts/deps.sh scripts/apt-packages.txt scripts/apt-packages-test.txt

build: deps ## optimised binaries in build/release/bin
	@cmake --preset release $(CMAKE_QUIET) && cmake --build --preset release -j $(JOBS) --target headpond headpond-operator

run: build ## a cluster from manifests/samples/quickstart.yaml, and a demonstration on real files
	@scripts/demo.sh run

stop: ## end the cluster that `make run` started
	@scripts/demo.sh stop

test: deps-test ## build and run all tests with ASan and UBSan
	@cmake --preset dev $(CMAKE_QUIET) && cmake --build --preset dev -j $(JOBS)
	@ctest --preset dev -j $(JOBS)

test-tsan: deps-test ## the concurrent parts again with TSan
	@cmake --preset tsan $(CMAKE_QUIET) && cmake --build --preset tsan -j $(JOBS) --target tsan_tests
	@ctest --preset tsan -j $(JOBS) -L tsan

bench: build ## stock Alluxio 2.9 and Headpond in one run; writes docs/benchmarks.md
	@e2e/bench/run.sh

e2e: build ## stock Java clients, Spark and Hadoop against a running cluster; kubectl and a real API server beside the operator
	@e2e/ha/run.sh || [ $$? = 77 ]
	@e2e/operator/run.sh || [ $$? = 77 ]
	@e2e/contract/run.sh || [ $$? = 77 ]
	@e2e/stock/run.sh

images: build ## the images headpond/headpond and headpond/headpond-operator (needs a Docker daemon)
	@images/build.sh

e2e-docker: build ## the images with stock Java clients outside, and clusters of the operator, on host and bridge networks
	@e2e/docker/run.sh || [ $$? = 77 ]
	@e2e/docker/runtime.sh || [ $$? = 77 ]
	@e2e/docker/nodes.sh || [ $$? = 77 ]
	@e2e/docker/task.sh || [ $$? = 77 ]
	@e2e/docker/pull.sh || [ $$? = 77 ]
	@e2e/docker/tls.sh || [ $$? = 77 ]
	@e2e/docker/interop.sh || [ $$? = 77 ]

e2e-kubernetes: images ## a cluster in pods, on a Kubernetes made from pinned Go modules (root)
	@e2e/kubernetes/run.sh || [ $$? = 77 ]

fmt: ## format the tree
	@git ls-files '*.cc' '*.h' | xargs clang-format-14 -i

tidy: ## clang: thread-safety analysis and the clang-tidy allow-list, as errors
	@scripts/deps.sh scripts/apt-packages.txt scripts/apt-packages-test.txt scripts/apt-packages-tidy.txt
	@scripts/tidy.sh
