# Targets print their own help: make help
SHELL := /bin/bash
export CGO_ENABLED ?= 0
SEED ?= 1
DAYS ?= 1000
FUZZTIME ?= 10s
CRASHES ?= 500
CASES ?= .
LINT := $(CURDIR)/bin/golangci-lint

.PHONY: help build test test-contract race lint simulate month crash fuzz bench cross tools

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary, in bin/
	go build -trimpath -o bin/backstop ./cmd/backstop

test: ## every fast test; needs Go and nothing else
	go vet ./...
	go test ./...

test-contract: ## Kite's own Go and JavaScript clients, and docs/paper.md word for word, against the paper exchange (needs node 18 and npm)
	@for t in node npm; do command -v $$t >/dev/null || { echo "make test-contract needs node 18 or later and npm, and $$t is missing (Debian: apt-get install nodejs npm)"; exit 1; }; done
	go test ./engine/paper -run Official -count=1
	go test ./engine/paper/contract -count=1 -timeout 15m -v -args -whole

race: ## the concurrent packages under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short ./engine ./engine/lane ./engine/postback ./engine/notify ./engine/paper ./engine/journal/... ./rules

lint: tools ## imports, purity and style, by .golangci.yml
	$(LINT) run ./...

tools:
	@test -x $(LINT) || GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

simulate: ## days under faults and crashes: make simulate SEED=1 DAYS=1000, STORY=1 tells one
	GOGC=400 go test ./engine/enginetest -run TestSimulateMany -count=1 -timeout 60m -v -args -seed $(SEED) -days $(DAYS) $(if $(STORY),-story)

month: ## 21 trading days with their nights, against a plain script: make month SEED=1, STORY=1 tells it
	GOGC=400 go test ./engine/enginetest -run 'TestMonth$$' -count=1 -timeout 30m -v -args -seed $(SEED) -month 21 $(if $(STORY),-story)

fuzz: ## every fuzz target in turn: make fuzz FUZZTIME=10s; what fails stays in its testdata/fuzz
	@bad=0; n=0; for d in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hos '^func Fuzz[A-Za-z0-9]*' $$d/*_test.go | sed 's/func //' | sort); do \
	    n=$$((n+1)); out=$$(go test $$d -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -parallel 2 2>&1); ok=$$?; \
	    execs=$$(echo "$$out" | grep -o 'execs: [0-9]*' | tail -1); \
	    if [ $$ok = 0 ] && [ -n "$$execs" ]; then printf '  ok    %-24s %-22s %s\n' "$$d" "$$f" "$$execs"; \
	    else bad=$$((bad+1)); printf '  FAIL  %-24s %s\n%s\n' "$$d" "$$f" "$$out"; fi; done; done; \
	echo "  $$n targets, $(FUZZTIME) each, $$bad failed"; test $$bad = 0

crash: ## the real program under kill -9, bad disks, bad clocks and load: make crash SEED=1 CRASHES=500
	go test ./engine/crashtest -run 'TestKills|$(CASES)' -count=1 -timeout 30m -v -args -seed $(SEED) -crashes $(CRASHES) -whole

bench: ## acknowledged postbacks a second, against a bare handler in the same run
	go test ./cmd/backstop -run '^$$$$' -bench . -benchtime 1x -count 1

cross: ## builds for Linux, macOS and Windows
	@for t in linux/amd64 linux/arm64 darwin/arm64 darwin/amd64 windows/amd64; do \
	  echo "  $$t"; GOOS=$${t%/*} GOARCH=$${t#*/} go build -trimpath -o /dev/null ./cmd/backstop || exit 1; done
