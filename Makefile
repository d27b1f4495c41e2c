# Everything this repository needs, from a fresh clone with Go, git and make.
# `make help` lists the targets.

BIN := .bin
TOOLS := builder mdatagen gofumpt golangci-lint versitygw

COLLECTOR := build/otelcol-agentaudit/otelcol-agentaudit
COMMAND := build/agentaudit

# The folders that hold our Go code; build/ and .bin/ hold none of it.
CODE := $(wildcard bench cmd exporter internal ledger processor semconv store)
SOURCES := $(shell find $(CODE) -type f ! -name '*_test.go' ! -path '*/testdata/*') go.mod go.sum

# The race detector needs a C compiler; without one the tests still run.
RACE := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)
GOTESTFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: tools generate check-generated build run test fuzz lint fmt clean help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools: $(TOOLS:%=$(BIN)/%) ## build the pinned tools into .bin/

# A tool is rebuilt only when the versions in tools/ change.
$(BIN)/builder: PACKAGE := go.opentelemetry.io/collector/cmd/builder
$(BIN)/mdatagen: PACKAGE := go.opentelemetry.io/collector/cmd/mdatagen
$(BIN)/gofumpt: PACKAGE := mvdan.cc/gofumpt
$(BIN)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(BIN)/versitygw: PACKAGE := github.com/versity/versitygw/cmd/versitygw

$(BIN)/%: tools/go.mod tools/go.sum
	go -C tools build -o ../$(BIN)/ $(PACKAGE)
	@touch $@

generate: $(BIN)/mdatagen ## write the generated code and documents again
	PATH="$(CURDIR)/$(BIN):$$PATH" go generate ./...

# Compares what is there with what generate makes of it, whether or not it is committed.
GENERATED := find $(CODE) \( -name 'generated_*.go' -o -name '*.md' -o -name '*.schema.json' \) -exec cksum {} + | sort
check-generated: $(BIN)/mdatagen
	@before=$$($(GENERATED)); $(MAKE) --no-print-directory generate && after=$$($(GENERATED)); \
	if [ "$$before" != "$$after" ]; then echo "generated files were stale: run make generate and commit them"; exit 1; fi

build: $(COLLECTOR) $(COMMAND) ## build the collector and the agentaudit command into build/

$(COLLECTOR): $(BIN)/builder builder-config.yaml $(SOURCES)
	@mkdir -p $(@D)
	$(BIN)/builder --config builder-config.yaml
	@touch $@

$(COMMAND): $(SOURCES)
	go build -o $@ ./cmd/agentaudit
	@touch $@

run: build $(BIN)/versitygw ## the whole path once: local S3, collector, recordings, trail, verify
	$(COMMAND) demo

test: build $(BIN)/versitygw ## unit tests with the race detector, and the end-to-end tests
	$(if $(RACE),,@echo "no C compiler: the tests run without -race")
	go test $(RACE) $(GOTESTFLAGS) ./...

FUZZTIME ?= 10m
FUZZ ?= .
fuzz: ## fuzz every target for FUZZTIME, one after the other; FUZZ=Codex for those that match
	@grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9]*' $(CODE) | sed 's|/[^/]*:[0-9]*:func | |' | sort | grep -E '$(FUZZ)' | while read dir target; do \
		echo "$$dir $$target"; go test ./$$dir -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) || exit 1; \
	done

lint: $(BIN)/golangci-lint check-generated ## formatting, static checks, stale generated code
	$(BIN)/golangci-lint run ./...

fmt: $(BIN)/gofumpt ## format the Go code
	$(BIN)/gofumpt -l -w $(CODE)

clean: ## remove all that was built
	rm -rf build $(BIN)
