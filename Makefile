# One set of build flags everywhere: another set means a cold build of minutes.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0)
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/carpool
# The version, the commit and its day; see main.go.
COMMIT  := $(shell git rev-parse --short=7 HEAD 2>/dev/null)
DATE    := $(shell git log -1 --format=%cs 2>/dev/null)
LDFLAGS := -X 'main.build=$(VERSION) $(COMMIT) $(DATE)'
# NVML's header marks half of itself deprecated: hundreds of lines on each cold build.
export CGO_CFLAGS := -g -O2 -Wno-deprecated-declarations

# Fyne's widgets do not compile for macOS without cgo, so neither do ui and ui/chart.
TARGETS := linux/amd64 linux/arm64 windows/amd64 darwin/arm64

LINT_VERSION := v2.15.0
LINT         := $(CACHE)/golangci-lint-$(LINT_VERSION)/golangci-lint

# An engine on a shared machine is now and then slower than a test's patience: of
# the tests on real engines up to three that failed run once more, and it says so.
GOTESTSUM_VERSION := v1.13.0

.PHONY: help run build build-headless cross test desktop race lint bench benchstat profile suite e2e fuzz fuzz-short chaos soak reliability vuln mutants screens deps icons docs package package-check package-quick clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

run: deps build ## install what is missing, build, start (ARGS="serve --listen …")
	bin/carpool $(ARGS)

build: ## bin/carpool, with the window
	$(GO) build -ldflags "$(LDFLAGS)" -o bin/carpool .

build-headless: ## bin/carpool-headless: for servers without graphics libraries
	$(GO) build -tags headless -ldflags "$(LDFLAGS)" -o bin/carpool-headless .

cross: ## bin/cross/: the program without the window for other systems, built without cgo; compiles all packages and tests
	@for target in $(TARGETS); do \
	  export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
	  out=bin/cross/carpool-$$GOOS-$$GOARCH; [ $$GOOS != windows ] || out=$$out.exe; \
	  echo "$$out"; \
	  $(GO) build -tags headless -ldflags "$(LDFLAGS)" -o $$out . || exit 1; \
	  $(GO) vet -tags headless $$($(GO) list -tags headless ./... | if [ $$GOOS = darwin ]; then grep -v -e '/ui$$' -e /ui/chart; else cat; fi) || exit 1; \
	done

test: ## install what is missing, then every test but the ones on a real engine
	.ci/deps test
	.ci/deps trust
	LANG=C.UTF-8 $(GO) test -timeout 5m ./...
	$(MAKE) --no-print-directory desktop

desktop: build ## the real window and the real tray, under Xvfb and a session bus
	$(GO) build -tags places -ldflags "$(LDFLAGS)" -o bin/carpool-places .
	CARPOOL_DESKTOP=required CARPOOL_BINARY=$(CURDIR)/bin/carpool-places $(GO) test -tags desktop -count=1 -timeout 15m ./ui/desktop

screens: ## docs/screens/: every page, dark and light, at work and idle, 1× and 2×, with the demo engine
	.ci/deps test
	$(GO) build -tags places -ldflags "$(LDFLAGS)" -o bin/carpool-places .
	CARPOOL_DESKTOP=required CARPOOL_BINARY=$(CURDIR)/bin/carpool-places CARPOOL_SCREENS=$(CURDIR)/docs/screens $(GO) test -tags desktop -count=1 -timeout 25m -run TestScreens ./ui/desktop

race: ## every test but those that open a window, with the race detector
	$(GO) test -race -timeout 10m $$($(GO) list ./... | grep -v -e '^carpool$$' -e /ui/desktop)

lint: $(LINT) ## go vet and golangci-lint
	$(LINT) run --build-tags e2e,desktop ./...
	$(LINT) run --build-tags headless . ./ui/desktop

$(LINT):
	GOBIN=$(dir $@) CGO_ENABLED=0 GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

bench: build build-headless ## what batching gains, what Carpool costs, and what its hot paths cost; half an hour, fails if a figure is missed
	bin/carpool bench
	bin/carpool bench --sizes 1,2,4,8,16
	bin/carpool bench --suite scheduling --write docs/benchmarks/scheduling.md
	$(GO) test -run '^$$' -bench . -benchtime 1s ./batching ./batching/adaptive ./backends ./app ./app/gateway ./app/gateway/translate ./app/metrics ./gpu ./storage ./ui/chart
	bin/carpool-headless bench --suite gateway --write docs/benchmarks/gateway.md

benchstat: ## the hot paths' Go benchmarks against the last tag (BASE=commit for another), for information: it always passes
	BASE=$(BASE) .ci/benchstat

profile: build-headless ## bin/profiles/: what Carpool does under the gateway suite's load, and what takes most of it (ONLY=scenario,…)
	bin/carpool-headless bench --suite gateway --profiles bin/profiles $(if $(ONLY),--only $(ONLY))
	.ci/profiles bin/profiles

suite: build-headless ## the scheduling suite in virtual time, in its short form; fails if a figure is missed
	bin/carpool-headless bench --suite scheduling --quick

e2e: ## the suite on a real Ollama server (on PATH, or built once from its module), with the client libraries
	.ci/deps e2e
	ollama="$$(app/e2e/ollama/build.sh)" && CARPOOL_OLLAMA="$$ollama" CARPOOL_NODE=required \
	  $(GO) run gotest.tools/gotestsum@$(GOTESTSUM_VERSION) --format standard-verbose --rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-run-root-test \
	  --packages ./app/e2e -- -tags e2e -count=1 -timeout 30m

fuzz: ## every fuzz target for FUZZTIME each
	GO=$(GO) .ci/fuzz $(or $(FUZZTIME),60s)

fuzz-short: ## every fuzz target for some hundred inputs
	GO=$(GO) WORKERS=1 .ci/fuzz 300x

chaos: ## engines killed 50 times under load (CARPOOL_SEED=n repeats a run)
	CARPOOL_TRUST=full $(GO) test -count=1 -timeout 20m -v -run TestChaos ./app/trust

soak: ## half an hour of load with faults in 1 % of it (SOAK=8h for longer)
	CARPOOL_SOAK=$(or $(SOAK),30m) $(GO) test -count=1 -timeout 24h -v -run TestSoak/FaultsInOneOfAHundred ./app/trust

reliability: ## docs/reliability.md: the suite for a sceptic in its full form, about an hour
	.ci/deps trust
	.ci/reliability

vuln: ## known faults in what is used, where their database can be reached
	.ci/vuln

mutants: ## plants each fault of testdata/mutants and sees the named test fail
	.ci/mutants $(ONLY)

deps: ## the system packages that building needs
	.ci/deps build

icons: ## the pictures from their drawings (needs rsvg-convert)
	assets/render.sh

docs: ## the pages that are made from the program: docs/settings.md, docs/carpool.1, and the help on file
	UPDATE_GOLDEN=1 $(GO) test -run 'TestDocs|TestHelp' ./app/cli

package: ## bin/package/: .deb, tarball, Windows installer, macOS archives (ONLY="linux windows" for some)
	GO=$(GO) .ci/package $(ONLY)

package-quick: ## packages of what is compiled already, and every check of them but "twice": what .ci/run does
	.ci/deps package || echo "Not all tools are here; what needs one that is missing is skipped."
	QUICK=1 GO=$(GO) .ci/package
	QUICK=1 GO=$(GO) .ci/package-check files debian home windows macos

package-check: ## the packages on a clean Debian, under wine, and made twice (as root; some minutes)
	GO=$(GO) .ci/package-check $(ONLY)

clean: ## what was built here
	rm -rf bin build
