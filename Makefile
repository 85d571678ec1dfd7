# `make` lists the targets. Only Go, Node, git and make are needed; what a
# target needs besides, it installs or says how to.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO_FILES := $(shell find action client cmd internal portal -name '*.go' -not -name '*_test.go' 2>/dev/null) $(shell find internal -name '*.sql' 2>/dev/null)
UI_FILES := $(shell find web/src web/public web/scripts -type f 2>/dev/null) web/index.html web/package.json web/vite.config.ts
DATA_FILES := $(shell find demo internal/golden -type f 2>/dev/null)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: bin/sphera ## build everything and start the portal with the demo organisation
	@bin/sphera demo

build: bin/sphera ## build bin/sphera with the user interface inside

test: ## everything: checks, Go tests on SQLite and PostgreSQL, UI tests, build, browser flow
	@scripts/test.sh

lint: .tools/golangci-lint web/node_modules/.installed ## golangci-lint and oxlint (builds golangci-lint the first time: minutes)
	.tools/golangci-lint run ./...
	cd web && npm run --silent lint

fmt: web/node_modules/.installed ## format Go and TypeScript
	gofmt -w $$(git ls-files '*.go')
	cd web && npm run --silent format

gen: web/node_modules/.installed ## make the OpenAPI document and the API clients again
	@scripts/gen.sh

bench: bin/sphera ## measure what docs/performance.md states
	@scripts/bench.sh

soak: ## keep 10,000 flag clients on a server for SPHERA_SOAK (10m)
	SPHERA_SOAK=$${SPHERA_SOAK:-10m} go test -run '^TestSoak$$' -v -count=1 -timeout 0 ./internal/flag/serve

crash: ## kill the portal at every boundary of every step, on both databases
	@scripts/with-postgres.sh scripts/crash.sh

e2e: bin/sphera ## the browser flow in real Chromium
	@scripts/e2e.sh

clean: ## remove what was built; keeps data and installed packages
	rm -rf bin web/dist web/test-results coverage.out
	find internal/api/dist -mindepth 1 -not -name placeholder.html -not -name .gitignore -delete

bin/sphera: $(GO_FILES) $(DATA_FILES) go.mod go.sum internal/api/dist/index.html
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X sphera/portal.version=$(VERSION)" -o $@ ./cmd/sphera

internal/api/dist/index.html: $(UI_FILES) web/node_modules/.installed
	cd web && npm run --silent build
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	@scripts/ensure-node-modules.sh

.tools/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@echo "Building golangci-lint once; this takes minutes."
	cd tools/lint && go build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

.PHONY: help run build test lint fmt gen bench soak crash e2e clean
