# Gatehouse. `make help` lists the targets; nothing needs to be set up before any of them.

SHELL       = bash
.SHELLFLAGS = -o pipefail -c

GO        ?= go
FUZZTIME  ?= 10s
ORACLETIME ?= 10m
TAGS      ?=
H2SPEC     = github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
STATIC     = honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS      = $(CURDIR)/.tools
# The tests of the program itself with x/oauth2, coreos/go-oidc and Chromium.
INTEROP    = TestChromium|TestAnAppLogsAPersonInAndCallsTheAPI|TestAPersonLogsInThroughTheGateway|TestAnotherServiceGetsATokenAndCallsTheAPI

.PHONY: postgres openfga build test test-interop test-browser test-waf race lint cases bench bench-authz bench-tokens gates check fuzz fuzz-oracle test-h2spec tour ci help generate

build: ## build ./bin/gatehouse, reproducibly; TAGS=waf puts the OWASP Core Rule Set in
	$(GO) build -trimpath -buildvcs=false -tags '$(TAGS)' -o bin/gatehouse ./cmd/gatehouse

postgres: ## install PostgreSQL for the tests of the shared store, where that is possible
	@command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || \
	  { command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } || \
	  echo "PostgreSQL is not installed and cannot be: the tests of store/postgres will be skipped"

openfga: ## build the OpenFGA server that relations are compared with (a module of its own: interop/openfga), where its modules can be had
	@mkdir -p $(TOOLS)/openfga
	@[ $(TOOLS)/openfga/openfga -nt interop/openfga/go.sum ] || { cd interop/openfga && $(GO) build -trimpath -o $(TOOLS)/openfga/ github.com/openfga/openfga/cmd/openfga ./model; } || \
	  echo "OpenFGA cannot be built: the tests with it will be skipped"

test: postgres ## vet and run every test; the usual run
	$(GO) vet ./...
	$(GO) test ./...

test-waf: ## control/waf with the OWASP Core Rule Set, which other builds do not have
	$(GO) vet -tags waf ./control/waf
	$(GO) build -tags waf -o /dev/null ./cmd/gatehouse
	$(GO) test -tags waf -count=1 -v ./control/waf | grep -E 'figure|^ *(ok|FAIL|---)' | grep -v PASS

test-browser: ## sign in through the gateway with a real Chromium (installs it where that is possible)
	@command -v chromedriver >/dev/null || { command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; }
	$(GO) test ./cmd/gatehouse -run TestChromium -count=1 -v | grep -E '^(---|ok|FAIL|PASS)|browser_test'

test-interop: openfga ## others' OAuth, OpenID and SAML programs, OpenFGA and a real Chromium against ours (installs Node.js, npm packages, SimpleSAMLphp, OpenFGA and Chromium where that is possible)
	@{ command -v node && command -v npm; } >/dev/null || { command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null; } || \
	  echo "Node.js is not installed and cannot be: the tests with its programs will be skipped"
	@command -v chromedriver >/dev/null || { command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
	  echo "Chromium is not installed and cannot be: the tests with it will be skipped"
	@[ -d /usr/share/simplesamlphp ] || { command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends simplesamlphp php-cli php-xml php-mbstring >/dev/null; } || \
	  echo "SimpleSAMLphp is not installed and cannot be: the tests with it will be skipped"
	@! command -v npm >/dev/null || npm ci --prefix interop --ignore-scripts --no-audit --no-fund --loglevel=error
	$(GO) test ./interop -count=1 -v | grep -vE '^=== '
	$(GO) test ./internal/relations -run TestARealOpenFGA -count=1 -v | grep -vE '^=== '
	$(GO) test ./cmd/gatehouse -run '$(INTEROP)' -count=1 -v | grep -vE '^=== '

race: postgres ## every test under the race detector
	$(GO) test -race ./...

cases: ## only the behaviour cases (txtar), through every door
	$(GO) test ./control/... -run 'TestCases'

lint: ## formatting, vet, staticcheck; golangci-lint where it is installed
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || (echo "gofmt these files"; exit 1)
	$(GO) vet ./...
	GOBIN=$(TOOLS) $(GO) install $(STATIC)
	$(TOOLS)/staticcheck ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: its configuration was not used"; fi

gates: ## the load-independent gates of docs/performance.md
	$(GO) test ./bench -run Gate -count=1

bench: ## CPU per request beside nginx and Go's ReverseProxy (installs nginx, wrk and h2load where missing)
	$(GO) run ./bench

bench-authz: ## CPU per decision beside OPA and Casbin as libraries (a module of its own: bench/authz)
	cd bench/authz && $(GO) vet . && $(GO) run .

bench-tokens: ## CPU per token beside oidc-provider (installs it, wrk and Node.js where missing)
	$(GO) run ./bench -tokens

test-h2spec: ## the HTTP/2 conformance suite against the proxy (exceptions: docs/http2.md)
	GOBIN=$(TOOLS) $(GO) install $(H2SPEC)
	H2SPEC=$(TOOLS)/h2spec $(GO) test ./acceptance -run TestH2spec -count=1 -v | grep -E 'figure|^(ok|FAIL|---)|h2spec:'

fuzz: ## every fuzz target for FUZZTIME (default 10s) each
	@set -e; for f in $$(grep -rl --include='*_test.go' 'func Fuzz' .); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$f); do \
	    echo "$$t in $$(dirname $$f)"; $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$(dirname $$f); \
	  done; done

fuzz-oracle: ## our validator against two others, for ORACLETIME (default 10m)
	$(GO) test ./internal/openapi/oracletest -run '^$$' -fuzz '^FuzzAgainstOracles$$' -fuzztime $(ORACLETIME) -timeout 0

tour: ## attack the sample API directly and through Gatehouse
	$(GO) run ./cmd/gatehouse demo --tour

check: lint test gates ## what a change must pass before it lands

ci: test test-waf race test-h2spec gates ## what .ci/run does
	ORACLE_ASIDE=1 $(MAKE) fuzz-oracle ORACLETIME=60s
	$(MAKE) tour

generate: ## the catalogue of controls
	$(GO) generate ./control

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
