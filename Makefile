# Everything this repository needs, from a fresh clone with Go, git and make.
# `make help` lists the targets.

BIN := .bin
TOOLS := builder mdatagen gofumpt golangci-lint versitygw govulncheck go-licence-detector cyclonedx-gomod litewitness witnessdb

COLLECTOR := build/otelcol-agentaudit/otelcol-agentaudit
COMMAND := build/agentaudit

MODULE := $(shell go list -m)
VERSION := $(shell awk '$$1 == "version:" {print $$2; exit}' builder-config.yaml)

# What is built depends on nothing but the sources, the pinned modules and the
# toolchain: no paths, no commit, no C compiler.
REPRODUCIBLE := CGO_ENABLED=0 GOFLAGS="$$(go env GOFLAGS) -trimpath -buildvcs=false"

# The folders that hold our Go code; build/ and .bin/ hold none of it.
CODE := $(wildcard bench cmd exporter internal ledger processor semconv store)
SOURCES := $(shell find $(CODE) -type f ! -name '*_test.go' ! -path '*/testdata/*') go.mod go.sum Makefile

# The race detector needs a C compiler; without one the tests still run.
RACE := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)
GOTESTFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: engines tools generate check-generated build run test chaos adversary adversary-mutants soak bench fuzz lint fmt clean help licences vuln sbom reproducible

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools: $(TOOLS:%=$(BIN)/%) ## build the pinned tools into .bin/

# A tool is rebuilt only when the versions in tools/ change.
$(BIN)/builder: PACKAGE := go.opentelemetry.io/collector/cmd/builder
$(BIN)/mdatagen: PACKAGE := go.opentelemetry.io/collector/cmd/mdatagen
$(BIN)/gofumpt: PACKAGE := mvdan.cc/gofumpt
$(BIN)/golangci-lint: PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(BIN)/versitygw: PACKAGE := github.com/versity/versitygw/cmd/versitygw
$(BIN)/govulncheck: PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(BIN)/go-licence-detector: PACKAGE := go.elastic.co/go-licence-detector
$(BIN)/cyclonedx-gomod: PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(BIN)/%: tools/go.mod tools/go.sum
	go -C tools build -o ../$(BIN)/ $(PACKAGE)
	@touch $@

# A witness to test against, and what tells it of logs.
WITNESS := $(BIN)/litewitness $(BIN)/witnessdb
$(BIN)/litewitness: PACKAGE := filippo.io/torchwood/cmd/litewitness
$(BIN)/witnessdb: PACKAGE := .
$(WITNESS): $(wildcard tools/witness/*)
	CGO_ENABLED=0 go -C tools/witness build -o ../../$@ $(PACKAGE)
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
	$(REPRODUCIBLE) $(BIN)/builder --config builder-config.yaml
	@touch $@

$(COMMAND): $(SOURCES)
	$(REPRODUCIBLE) go build -o $@ ./cmd/agentaudit
	@touch $@

run: build $(BIN)/versitygw ## the whole path once: local S3, collector, recordings, trail, verify
	$(COMMAND) demo

test: build $(BIN)/versitygw $(WITNESS) ## unit tests with the race detector, and the end-to-end tests
	$(if $(RACE),,@echo "no C compiler: the tests run without -race")
	go test $(RACE) $(GOTESTFLAGS) ./...

FUZZTIME ?= 10m
FUZZ ?= .
fuzz: ## fuzz every target for FUZZTIME, one after the other; FUZZ=Codex for those that match
	@grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9]*' $(CODE) | sed 's|/[^/]*:[0-9]*:func | |' | sort | grep -E '$(FUZZ)' | while read dir target; do \
		echo "$$dir $$target"; go test ./$$dir -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; \
	done

# The moments of the faults are drawn from SEED; 0 is a new one, which is printed.
SEED ?= 0
chaos: build $(BIN)/versitygw ## all faults against the collector, and the table of what was lost: nothing
	go test -count=1 -timeout=3h ./internal/chaos -v -run TestChaos -chaos.full -chaos.seed=$(SEED) -chaos.table=$(CURDIR)/build/chaos.md

ADVERSARY ?= 100000
adversary: ## ADVERSARY histories, attacks and questions, drawn from SEED: the verdict is right for each
	go test -count=1 -timeout=3h ./internal/adversary -v -run 'TestHonest|TestAdversary' -rapid.nofailfile \
		-adversary.histories=$(ADVERSARY) -adversary.seed=$(SEED)

adversary-mutants: ## bring back old faults, one at a time: the adversary must find each
	go test -count=1 -timeout=3h ./internal/adversary -v -run TestMutants -adversary.mutants -adversary.seed=$(SEED)

SOAK ?= 30m
soak: build $(BIN)/versitygw ## SOAK of load at 70 % of the most, with faults: nothing lost, nothing grows
	go test -count=1 -timeout=6h ./internal/chaos -v -run TestSoak -soak.for=$(SOAK)

# Engines that are asked the questions of docs/query.md, over files that this program wrote. None
# is linked into anything. What cannot be had here is said, and is no failure.
ENGINES ?= duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1 datafusion==55.0.0 chdb==4.4.0 pyspark==4.3.0
PYTHON ?= python3
engines: ## ask real SQL engines (Python packages) the questions of docs/query.md
	@if ! $(PYTHON) -m venv --clear build/engines >/dev/null 2>&1; then echo "engines: SKIPPED $(ENGINES): no $(PYTHON) with venv"; exit 0; fi; \
	have=; for engine in $(ENGINES); do \
		if build/engines/bin/python -m pip install -q --disable-pip-version-check $$engine >build/engines/pip.log 2>&1; then have="$$have $$engine"; \
		else echo "engines: SKIPPED $$engine: pip cannot have it from here"; fi; \
	done; \
	if [ -z "$$have" ]; then exit 0; fi; \
	go test -count=1 ./internal/index/ddl -run TestEngines -v -python $(CURDIR)/build/engines/bin/python

# BENCH are its options: -rounds, -seconds, -mixes, -systems, -profile.
bench: build $(BIN)/versitygw $(BIN)/builder ## measure against the stock exporter and SQLite, into bench/RESULTS.md
	$(BIN)/builder --config bench/peer/manifest.yaml
	CGO_ENABLED=0 go build -C bench/sqlite -o $(CURDIR)/build/bench-sqlite .
	go run ./bench/run $(BENCH)

lint: $(BIN)/golangci-lint check-generated ## formatting, static checks, stale generated code
	$(BIN)/golangci-lint run ./...

# tools/licences.json lists what may be linked. MPL-2.0 (libraries of HashiCorp)
# binds the files it covers, which are used unchanged.
licences: build $(BIN)/go-licence-detector ## check the licences of all that is linked into the binaries
	@check() { \
		go -C $$1 list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' $$2 > build/modules.txt && \
		sort -u build/modules.txt | grep -vx $(MODULE) | xargs go -C $$1 list -m -json > build/modules.json && \
		$(BIN)/go-licence-detector -includeIndirect -rules tools/licences.json -overrides tools/licence-overrides.json -in build/modules.json; \
	}; check . ./cmd/agentaudit && check $(dir $(COLLECTOR)) .
	@echo "licences: all on the list in tools/licences.json"

VULNDB ?= https://vuln.go.dev

vuln: build $(BIN)/govulncheck ## look for known vulnerabilities in what the binaries call
	@for folder in . $(dir $(COLLECTOR)); do \
		if out=$$(CGO_ENABLED=0 $(BIN)/govulncheck -db $(VULNDB) -C $$folder ./... 2>&1); then echo "$$out"; \
		elif echo "$$out" | grep -q 'fetching vulnerabilities'; then echo "vuln: SKIPPED: the database $(VULNDB) cannot be reached from here"; exit 0; \
		else echo "$$out"; exit 1; fi; \
	done

# Read from the binaries themselves. Our own module is a folder to the collector's build.
sbom: build $(BIN)/cyclonedx-gomod ## write what the binaries are made of into build/*.cdx.json (CycloneDX)
	@for binary in $(COMMAND) $(COLLECTOR); do \
		file=build/$$(basename $$binary).cdx.json && \
		$(BIN)/cyclonedx-gomod bin -json -std -noserial -notimestamp -version $(VERSION) -output $$file $$binary && \
		sed -i.bak -e 's|\.\./\.\.@(devel)|$(MODULE)@$(VERSION)|' -e 's|"\.\./\.\."|"$(MODULE)"|' -e 's|"(devel)"|"$(VERSION)"|' $$file && rm $$file.bak && \
		echo $$file || exit 1; \
	done

reproducible: build ## build again, elsewhere and from an empty cache: the digests must be the same
	@copy=$$(mktemp -d) && trap 'chmod -R u+w $$copy; rm -rf $$copy' EXIT && \
	mkdir -p $$copy/another/folder && git ls-files -z --cached --others --exclude-standard | xargs -0 cp -a --parents -t $$copy/another/folder && \
	ln -sfn $(abspath $(BIN)) $$copy/another/folder/$(BIN) && \
	GOCACHE=$$copy/cache $(MAKE) --no-print-directory -C $$copy/another/folder build && \
	sha256sum $(COMMAND) $(COLLECTOR) | tee $$copy/sums && cd $$copy/another/folder && sha256sum --check $$copy/sums

fmt: $(BIN)/gofumpt ## format the Go code
	$(BIN)/gofumpt -l -w $(CODE)

clean: ## remove all that was built
	rm -rf build $(BIN)
