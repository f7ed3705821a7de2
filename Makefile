# `make help` lists the targets. Everything a target needs beside Go, npm and
# git is fetched by the target itself, once, into a cache outside the tree.

# One shell a recipe line, strict: a failing command in a pipe fails the target.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-builtin-rules
.DEFAULT_GOAL := help

CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gapwise
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# No C compiler is needed: the engine's library is loaded at run time (glibc is).
export CGO_ENABLED ?= 0
# The same flags everywhere, so that build, tests and linter share Go's cache.
export GOFLAGS := $(GOFLAGS) -trimpath

## Using it

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^## / { printf "\n%s\n", substr($$0, 4) } \
	  /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec: signals reach gapwise itself, and its exit status is the recipe's.
.PHONY: run
run: engine build ## Start everything on loopback, with a demo cohort, in ./.gapwise
	@export GAPWISE_DATA_DIR="$${GAPWISE_DATA_DIR:-$(CURDIR)/.gapwise}"; \
	export GAPWISE_DEMO="$${GAPWISE_DEMO:-true}"; \
	exec bin/gapwise run

.PHONY: build
build: ## Build bin/gapwise
	go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/gapwise ./cmd/gapwise

.PHONY: engine
engine: ## Fetch the ClickHouse engine into the cache (178 MB, once)
	@deploy/engine/fetch.sh

.PHONY: secrets
secrets: ## Write the passwords that docker-compose.yml needs into deploy/secrets
	deploy/secrets.sh

.PHONY: clean
clean: ## Remove what was built here (data in ./.gapwise and the cache stay)
	rm -rf bin $(BROWSER_DIRS:%=%/node_modules)

## Working on it

# Every package that talks to the engines starts its own ClickHouse (200 to
# 400 MB), so packages run side by side only as far as memory allows. The longest
# come first.
CORES    := $(shell nproc 2>/dev/null || echo 2)
PARALLEL ?= $(shell echo $$(( $(CORES) < 4 ? $(CORES) : 4 )))
GOTEST    = go test -count=1 -p $(PARALLEL) -timeout 15m

.PHONY: test
test: engine browser ## Run all tests, against real engines (8 minutes at most on two cores)
	$(GOTEST) ./test/... ./cmd/... ./...

# A failing schedule prints its seed: bin/gapwise soak --seed N --events 20000.
SOAK ?= --seed 1 --schedules 100 --events 20000 --jobs 3

# Copies of the events' schemas that later ones are held to. It only ever adds.
.PHONY: release-schemas
release-schemas: ## Freeze schemas/events as released: no later change may break with them
	go test ./schemas -count=1 -run '^TestReleasedSchemasHold$$' -update -v

.PHONY: soak
soak: engine build ## Run 100 schedules of faults against real processes (half an hour; see docs/soak.md)
	bin/gapwise soak $(SOAK)

# The packages in which goroutines share state.
RACE_PACKAGES ?= . ./internal/embedded ./internal/erasure ./internal/httpserver ./internal/ingest ./internal/models \
                 ./internal/outbox ./internal/project ./internal/query ./internal/store ./internal/stream

.PHONY: race
race: engine ## Run the concurrent packages' tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GOTEST) -race $(RACE_PACKAGES)

# Tools are built once a version, theirs and Go's.
TOOLS         := $(CACHE)/tools/$(shell go env GOVERSION)
GOLANGCI_LINT := $(TOOLS)/golangci-lint@v2.15.0
GOVULNCHECK   := $(TOOLS)/govulncheck@v1.9.0

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Check format, vet and lint
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard -- '*.go' | xargs -0r gofmt -l); \
	if [[ -n "$$unformatted" ]]; then \
	  printf 'not formatted; mend with gofmt -w:\n%s\n' "$$unformatted" >&2; exit 1; fi
	go vet ./...
	$(GOLANGCI_LINT) run ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities (asks vuln.go.dev, or GOVULNDB)
	$(GOVULNCHECK) $${GOVULNDB:+-db "$$GOVULNDB"} ./...

$(GOLANGCI_LINT): package := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GOVULNCHECK): package := golang.org/x/vuln/cmd/govulncheck
$(GOLANGCI_LINT) $(GOVULNCHECK):
	@echo "building $(@F) into $(TOOLS) (once)"
	@mkdir -p $(TOOLS); built=$$(mktemp -d $(TOOLS)/build.XXXXXX); trap 'rm -rf "$$built"' EXIT; \
	GOBIN=$$built CGO_ENABLED=0 go install $(package)@$(lastword $(subst @, ,$(@F))); \
	mv "$$built"/* $@

# The pages' tests drive a Chromium of the system with playwright-core.
BROWSER_DIRS := $(patsubst %/package.json,%,$(wildcard test/browser/package.json internal/web/browser/package.json))

.PHONY: browser
browser: $(BROWSER_DIRS:%=%/node_modules/.package-lock.json)
ifneq ($(BROWSER_DIRS),)
	@.ci/chromium
endif

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
