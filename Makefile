# make run    a node on http://127.0.0.1:5984/ with its files under ./run
# make test   everything that CI runs
# make soak   kills a node under load CRASH_ROUNDS=1000 times and at each named place FAILPOINT_ROUNDS=30 times, and looks for losses; attachments of 1 GiB; 10,000 replications; two nodes that replicate both ways, killed at random for SOAK_SECONDS=3600; SIMULATION_SEEDS=5000 of simulated replications; rewrites 1 GiB ten times; databases for 10,000 users; 100 requests of every kind made up by schemathesis
# make fuzz   feeds what parses bytes from outside with random ones; SECONDS_EACH=60 for each target
# make release  a release as a tarball, under ./release-of: refuge-VERSION-TARGET.tar.gz; linked against the C library of an older Debian (root; OLDER= for this system's)
# make package  the same as a Debian package (needs cargo-deb)
# make release-test  the tarball under another user through every verb, killed and started again, and in an older Debian (root)
# make bench  figures of a node that it starts, or of a CouchDB-compatible server: make bench URL=http://name:password@host:port/
# make bench-stalls  the longest writes while tables are flushed and merged: make bench-stalls URL=…
# make bench-mesh  figures of two nodes that meet
# make bench-links  replication over a link of 1 Mbit/s and 300 ms, and over one that loses packets
# make bench-memory  data larger than memory on a slow disk: what readers of it do to everybody else (root, Linux)
# make bench-growth  the same requests in a database of 10,000 to 5,000,000 documents, as a table
#
# `run` and `test` install the system packages that are missing; they ask first, unless CI or YES=1
# says yes. CARGO_TARGET_DIR says where to build, as usual.

SHELL := /bin/sh
CARGO ?= cargo
URL ?=
# Further options of the benchmark: --pid N, --command '…', --directory DIR, …
OPTIONS ?=

# One profile builds the node and its tests, so that nothing is compiled twice.
.PHONY: help run build release package release-test test packages clients check-format lint test-all soak fuzz bench bench-stalls bench-mesh bench-links bench-memory bench-growth

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run:
	@release/system-packages build
	$(CARGO) build --locked -p refuge
	@mkdir -p run/etc
	@test -e run/etc/refuge.toml || cp etc/refuge.toml run/etc/refuge.toml
	@test -e run/etc/hooks || cp -R etc/hooks run/etc/hooks
	@exec $(CARGO) run --quiet --locked -p refuge -- foreground --root run

build:
	$(CARGO) build --locked --workspace --all-targets

VERSION ?=
# A folder of an older Debian, made where it is not there. OLDER= links against this system's C library instead.
OLDER ?= $(if $(filter Linux,$(shell uname -s)),$${CARGO_TARGET_DIR:-target}/older-system)
release:
	@release/system-packages release
	@set -e; older="$(OLDER)"; if [ -n "$$older" ]; then older=$$(release/older-system "$$older"); fi; \
	CARGO="$(CARGO)" release/build "$$older"
	@target=$${CARGO_TARGET_DIR:-target}; release/needs "$$target/release/refuge" 25 $(if $(OLDER),2.31)
	@target=$${CARGO_TARGET_DIR:-target}; release/tarball "$$target/release/refuge" release-of $(VERSION)

package: release
	@$(CARGO) deb --version >/dev/null 2>&1 || { echo 'make package needs cargo-deb: cargo install --locked cargo-deb' >&2; exit 69; }
	@test -n "$(OLDER)" || { echo 'make package needs the C library that the package names: not OLDER=' >&2; exit 64; }
	@set -e; target=$${CARGO_TARGET_DIR:-target}; folder=release-of/package; mkdir -p $$folder; \
	"$$target/release/refuge" manual >$$folder/refuge.1; \
	"$$target/release/refuge" completions bash >$$folder/refuge.bash; \
	"$$target/release/refuge" completions zsh >$$folder/_refuge; \
	"$$target/release/refuge" completions fish >$$folder/refuge.fish
	@set -e; target=$$(cd "$${CARGO_TARGET_DIR:-target}" && pwd); cd src/refuge; \
	CARGO_TARGET_DIR=$$target $(CARGO) deb --no-build --strip -p refuge --output ../../release-of

release-test: release
	$(CARGO) build --locked -p refuge-tests --tests
	@set -e; older="$(OLDER)"; all=; \
	if [ -n "$$older" ]; then older=$$(release/older-system "$$older"); all=--include-ignored; fi; \
	REFUGE_OLDER_SYSTEM=$$older REFUGE_TARBALL=$$(ls -t "$$PWD"/release-of/refuge-*.tar.gz | head -n 1) \
	$(CARGO) test --locked -p refuge-tests --test release -- $$all --nocapture

# In this order: what fails fast comes first.
test:
	@release/system-packages test
	@$(MAKE) --no-print-directory check-format
	@$(MAKE) --no-print-directory clients
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory test-all

check-format:
	$(CARGO) fmt --all --check

# The clients from npm and PyPI that the black-box tests run.
clients:
	tests/clients/install

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

test-all:
	$(CARGO) test --locked --workspace --no-fail-fast

CRASH_ROUNDS ?= 1000
FAILPOINT_ROUNDS ?= 30
SOAK_SECONDS ?= 3600
SIMULATION_SEEDS ?= 5000
soak:
	$(CARGO) build --locked -p refuge
	CRASH_ROUNDS=$(CRASH_ROUNDS) $(CARGO) test --locked -p refuge-tests --test crash killed_under_a_load_of_every_kind
	REFUGE_FAILPOINT_ROUNDS=$(FAILPOINT_ROUNDS) $(CARGO) test --locked -p refuge-tests --test crash killed_at_each_place_in_turn
	REFUGE_LARGE_MIB=1024 $(CARGO) test --locked -p refuge-tests --test large -- --nocapture --test-threads=1
	REFUGE_SEEDS=$(SIMULATION_SEEDS) $(CARGO) test --locked -p refuge-replication --test simulation -- --nocapture
	REFUGE_SOAK_SECONDS=$(SOAK_SECONDS) $(CARGO) test --locked -p refuge-tests --test replication two_nodes_killed -- --nocapture
	REFUGE_REPLICATIONS=10000 $(CARGO) test --locked -p refuge-tests --test replication many_that -- --nocapture --test-threads=1
	REFUGE_UPKEEP_MIB=1024 $(CARGO) test --locked -p refuge-tests --test upkeep -- --nocapture
	$(CARGO) test --locked -p refuge-tests --test people -- --ignored ten_thousand
	REFUGE_SURFACE_EXAMPLES=100 $(CARGO) test --locked -p refuge-tests --test clients requests_made_from -- --nocapture

# Needs a nightly compiler (rustup toolchain install nightly); installs cargo-fuzz where it is missing.
SECONDS_EACH ?= 60
fuzz:
	@$(CARGO) +nightly --version >/dev/null 2>&1 || { echo 'make fuzz needs a nightly compiler: rustup toolchain install nightly' >&2; exit 69; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo 'make fuzz: cargo-fuzz is missing and is installed now' >&2; $(CARGO) install --locked cargo-fuzz; }
	@cd tests/fuzz && for target in $$($(CARGO) +nightly fuzz list --fuzz-dir .); do \
		mkdir -p corpus/$$target; \
		nice $(CARGO) +nightly fuzz run --fuzz-dir . $$target corpus/$$target seeds/$$target -- -max_total_time=$(SECONDS_EACH) -timeout=10 -rss_limit_mb=2048 || exit 1; \
	done

# How the benchmark starts a node of its own.
OWN_NODE = "$$target/release/refuge foreground --root {root} --set http.port={port} --set admins.admin=secret --set log.level=warn"

bench:
	@release/system-packages build
	$(CARGO) build --locked --release -p refuge -p refuge-benchmark
	@target=$${CARGO_TARGET_DIR:-target}; \
	if [ -n "$(URL)" ]; then set -- "$(URL)"; else set -- --command $(OWN_NODE); fi; \
	"$$target/release/refuge-benchmark" "$$@" $(OPTIONS)

bench-stalls:
	@test -n "$(URL)" || { echo 'make bench-stalls needs a server: make bench-stalls URL=http://name:password@127.0.0.1:5984/' >&2; exit 64; }
	$(CARGO) build --locked --release -p refuge-benchmark
	$(CARGO) run --quiet --locked --release -p refuge-benchmark -- stalls "$(URL)" $(OPTIONS)

bench-mesh:
	@release/system-packages build
	$(CARGO) build --locked --release -p refuge -p refuge-benchmark
	target=$${CARGO_TARGET_DIR:-target}; "$$target/release/refuge-benchmark" mesh --refuge "$$target/release/refuge"

# Root's, as the tests with network namespaces are.
bench-links:
	@release/system-packages test
	$(CARGO) build --locked -p refuge
	$(CARGO) test --locked -p refuge-tests --test namespaces slow:: -- --nocapture --test-threads=1

bench-memory:
	@release/system-packages build
	$(CARGO) build --locked --release -p refuge -p refuge-benchmark
	target=$${CARGO_TARGET_DIR:-target}; tests/benchmark/larger-than-memory "$$target/release/refuge" "$$target/release/refuge-benchmark" $(OPTIONS)

bench-growth:
	@release/system-packages build
	$(CARGO) build --locked --release -p refuge -p refuge-benchmark
	target=$${CARGO_TARGET_DIR:-target}; "$$target/release/refuge-benchmark" growth $(OPTIONS) --command $(OWN_NODE)
