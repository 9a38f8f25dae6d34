# Pointsman's commands for developers; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo build test seeded-bugs lint fmt golden bench screenshots soak image clean

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN := bin/pointsman
DEPS := cmd/scripts/install-deps.sh
TOOL := go tool -modfile=go.tools.mod
GOFILES = $(shell git ls-files --cached --others --exclude-standard '*.go')

# timed prints how long a suite took, also when it fails: $(call timed,name,command)
timed = start=$$SECONDS; trap 'echo "$(1): $$((SECONDS - start)) s"' EXIT; $(2)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## the whole story on real servers, in a temporary folder (DEMO_AUTO=1 also clicks)
	@$(DEPS)
	@$(BIN) demo

build: ## bin/pointsman, one static binary
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/pointsman

# The simulation's virtual time is synctest's, and the race detector slows it twenty times without seeing more.
RACED = $$(go list ./... | grep -v /cmd/sim$$)

# The SQLite that is linked in is C that a machine translated to Go. It is not ours to check, and under the detector it is five times slower.
RACE = -race -gcflags=modernc.org/...=-race=false

# Some tests need root: they partition real networks and fill real disks.
AS_ROOT = $$(test "$$(id -u)" = 0 || test "$$(uname)" != Linux || echo -exec $(CURDIR)/cmd/scripts/as-root.sh)

test: ## every test, unit to end to end, with the race detector; simulation and search without it
	@$(call timed,install,$(DEPS) cc postgresql alertmanager pgbouncer patroni iproute2 curl)
	@$(call timed,build with race detector,go test $(RACE) -run '^$$' $(RACED) >/dev/null && go build -tags failpoints -o /dev/null ./cmd/pointsman)
	@$(call timed,unit and end to end,go test $(RACE) -timeout 60m $(AS_ROOT) $(RACED))
	@$(call timed,search and simulation,go test -timeout 20m . ./cmd/sim)

seeded-bugs: ## put fifteen known mistakes into the code, one by one; the tests must catch each
	@$(DEPS) cc postgresql
	@$(call timed,seeded bugs,go test -count=1 -timeout 30m -v -run TestSeededBugs ./cmd/seeded -seed-bugs)

lint: ## formatting, go vet, golangci-lint
	@$(call timed,gofumpt,unformatted="$$($(TOOL) gofumpt -l $(GOFILES))"; \
		test -z "$$unformatted" || { echo "run 'make fmt' on:" $$unformatted; exit 1; })
	@$(call timed,go vet,go vet ./...)
	@$(call timed,golangci-lint,$(TOOL) golangci-lint run ./...)

fmt: ## format all Go files
	@$(TOOL) gofumpt -w $(GOFILES)

golden: ## rewrite the golden files with what the code says today; review the diff
	@go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -r -n1 dirname | sort -u) -update

bench: build ## the figures of docs/benchmarks.md, on real servers, and the binary's size
	@$(DEPS) postgresql alertmanager pgbouncer patroni
	@go test -timeout 30m -run '^$$' -bench Failover -benchtime 30x ./cmd/demo
	@go test -timeout 30m -run '^$$' -bench Outage -benchtime 400x ./cmd/app
	@go test -timeout 30m -run '^$$' -bench Flood -benchtime 5x ./cmd/app
	@go test -run '^$$' -bench Start -benchtime 10x ./cmd/pointsman
	@go test -run '^$$' -bench Step -benchtime 400x ./cmd/sim
	@go test -run '^$$' -bench Takeover -benchtime 20x ./cmd/e2e
	@go test -run '^$$' -bench OpenIncidents -benchtime 200x ./store
	@go test -timeout 30m -run '^$$' -bench Patroni -benchtime 10x ./actions/patroni
	@go test -timeout 30m -run '^$$' -bench 'Promote|Switchover' -benchtime 30x ./actions/postgres
	@go test -timeout 60m -run '^$$' -bench . -benchmem -skip 'OpenIncidents|Patroni|Promote|Switchover' $$(go list ./... | grep -v -e /cmd/)
	@echo "binary: $$(stat -c %s $(BIN) 2>/dev/null || stat -f %z $(BIN)) bytes"

screenshots: build ## the pictures of the README, from the demo's own pages
	@$(DEPS) postgresql alertmanager chromium
	@cmd/scripts/screenshots.sh $(BIN) docs/images

# One package after the other: the search needs its 4 GB, and what waits for a fact should not wait for other tests.
soak: ## the tests in the size for a release, all they say in soak.log; takes hours
	@$(DEPS) cc postgresql alertmanager pgbouncer patroni iproute2 curl
	@$(call timed,soak,POINTSMAN_SOAK=1 go test -p 1 -count=1 -timeout 12h -v $(AS_ROOT) ./... 2>&1 | tee soak.log | grep -E '^(ok|FAIL|panic)|--- FAIL|_test\.go:')
	@$(call timed,seeded bugs,go test -count=1 -timeout 30m -v -run TestSeededBugs ./cmd/seeded -seed-bugs)
	@$(call timed,fuzz bot,go test -run '^$$' -fuzz FuzzMarkup -fuzztime 1h ./bot)
	@$(call timed,fuzz configs,go test -run '^$$' -fuzz FuzzRead -fuzztime 1h ./configs)
	@$(call timed,fuzz audit,go test -run '^$$' -fuzz FuzzVerify -fuzztime 1h ./store/audit)
	@$(call timed,fuzz alerts,go test -run '^$$' -fuzz FuzzCommands -fuzztime 1h ./alerts)

image: ## container image pointsman:VERSION
	@docker build --build-arg VERSION=$(VERSION) -t pointsman:$(VERSION) .

clean: ## remove what was built
	@rm -rf bin
