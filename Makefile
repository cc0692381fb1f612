# `demo`, `build` and `test` need only Go and make; the race detector of `test` also needs
# a C compiler. `integration` and `bench` need what test/parts/parts says, `image` needs Docker.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The last Vale whose modules the module proxy has all of. It is built with a C compiler.
VALE          := go run github.com/vale-cli/vale/v3/cmd/vale@v3.22.0
GOVULNCHECK   := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
DEADCODE      := go run golang.org/x/tools/cmd/deadcode@v0.52.0
# The same source and Go give the same binary, wherever it is built: paths are
# trimmed, and what is stamped is the commit's, not the build's.
COMMIT   ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE     ?= $(shell TZ=UTC0 git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)"

# `test` leaves the tests on real parts to `integration`.
WITHOUT_PARTS := env -u KAFKA_BROKERS -u SCHEMA_REGISTRY_URL -u AWS_ENDPOINT_URL SELLERSTREAM_INTEGRATION=0
# The race detector is linked by the C compiler of `go env CC`.
RACE := $(shell command -v "$$(go env CC | cut -d" " -f1)" >/dev/null 2>&1 && echo -race)
# Tests wait more than they compute, so two packages share a core.
GO_TEST = go test $(RACE) -p $$((2 * $$(getconf _NPROCESSORS_ONLN)))
# Brings parts up where the environment names none, and uses them.
PARTS := if [ -z "$$KAFKA_BROKERS" ]; then test/parts/parts up && eval "$$(test/parts/parts env)"; fi

BENCHMARKS ?= $(filter-out internal results,$(patsubst test/bench/%/,%,$(wildcard test/bench/*/)))

.DEFAULT_GOAL := help
.PHONY: help demo build test test-long test-quick simulate24 interop fuzz integration clients bench check fmt vet lint deadcode prose vuln generate image parts-up parts-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## see the whole pipeline work on this machine (DEMO="--exit --json" for flags)
	@echo 'Building; the first time takes a minute or two ...' >&2
	@go run ./cmd/sellerstream demo $(DEMO)

build: ## build bin/sellerstream
	$(GO_BUILD) -o bin/sellerstream ./cmd/sellerstream

test: ## run the tests, with the race detector on where there is a C compiler
	@[ -n "$(RACE)" ] || { echo "There is no C compiler ($$(go env CC)), so there is no race detector. Install gcc and libc6-dev for it."; [ -z "$$CI" ]; }
	$(WITHOUT_PARTS) RAPID_CHECKS=25 $(GO_TEST) -timeout 15m ./...
	@$(MAKE) --no-print-directory interop

test-long: ## run in full the tests that `make test` does in part (test/long, RAPID_CHECKS); results of the others stay cached
	$(WITHOUT_PARTS) TEST_LONG=1 RAPID_CHECKS=50 $(GO_TEST) -timeout 40m ./...

test-quick: ## only the tests of single packages, without the race detector, in a few minutes
	$(WITHOUT_PARTS) go test -short -timeout 9m $$(go list ./... | grep -v /sellerstream/test/)

simulate24: ## a day of 200 accounts' stock updates in virtual time, 1 % of all steps gone wrong (minutes of one core)
	SIMULATE_HOURS=24 SIMULATE_ACCOUNTS=200 go test -v -count=1 -timeout 60m -run TestADay ./test/simulation/stock

interop: ## only the tests of our Avro against a second library (a module of its own, never shipped)
	cd test/interop && go test $(RACE) ./...

fuzz: ## run every fuzzer for 10 minutes of processor time in all (FUZZTOTAL, FUZZTIME and FUZZ: test/fuzz/fuzz says how)
	@test/fuzz/fuzz

integration: ## run the tests that use a real Kafka, schema registry and moto (starts them if KAFKA_BROKERS is unset)
	@$(PARTS); SELLERSTREAM_INTEGRATION=1 go test $(RACE) -count=1 -timeout 45m -p 1 $$(test/parts/users)

clients: ## run sessions of public SP-API clients against the simulator (installs them with pip and npm)
	SELLERSTREAM_CLIENTS=1 go test -v -count=1 -timeout 45m ./test/clients

bench: ## run the benchmarks, and record and draw what they measure (test/bench/README.md says how to read it)
	@$(PARTS); missed=0; for b in $(BENCHMARKS); do \
		echo "== $$b" && BENCH_RESULTS=test/bench/results go run "./test/bench/$$b" || missed=1; \
	done; go run ./test/bench/results && exit $$missed

check: fmt vet lint deadcode prose vuln ## formatting, vet, linters, dead functions, plain English, known vulnerabilities

fmt:
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "run gofmt -w on:" && echo "$$files" && exit 1; }

vet:
	go vet ./...

lint:
	$(GOLANGCI_LINT) run

# Not looked at are generated files; examples without output, which are compiled and not
# run; and test/release, a module of its own that would have all of GoReleaser loaded. A
# function that only the build for another system calls counts as dead.
deadcode: ## find functions that nothing calls, not even a test
	@for module in . test/interop; do \
		found=$$(cd "$$module" && $(DEADCODE) -test ./...) || exit; \
		dead=$$(echo "$$found" | grep -v ': unreachable func: Example'); \
		[ -z "$$dead" ] || { echo "nothing calls these, not even a test:" && echo "$$dead" && exit 1; }; \
	done

prose: ## check the English of comments, documents, messages and help texts (docs/STYLE.md)
	@$(VALE) --output line $$(git ls-files --cached --others --exclude-standard '*.go' '*.md' '*.yaml' '*.yml' '*.py' Makefile .ci test/fuzz/fuzz test/parts/parts test/parts/users ':!*_gen.go' ':!.vale')
	@texts=$$(mktemp -d) && trap 'rm -rf "$$texts"' EXIT && \
		go run ./test/prose "$$texts" $$(git ls-files '*.go' ':!*_test.go' ':!*_gen.go' ':!test') && $(VALE) --output line "$$texts"

vuln:
	$(GOVULNCHECK) ./...

generate: ## write the generated Go types, tables and JSON Schemas again
	go generate ./...

image: ## build the container image sellerstream:VERSION
	@docker buildx version >/dev/null 2>&1 || { echo "The image is built by BuildKit: install Docker's plugin buildx (docker-buildx in Debian, docker-buildx-plugin in Docker's own packages)."; exit 1; }
	docker buildx build --load -f deploy/Dockerfile --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --build-arg DATE=$(DATE) -t sellerstream:$(VERSION) .

parts-up: ## start a real Kafka, schema registry and moto on loopback, without containers
	@test/parts/parts up && test/parts/parts env

parts-down: ## stop them and remove what they stored
	@test/parts/parts down

clean: ## remove what was built here
	rm -rf bin dist
