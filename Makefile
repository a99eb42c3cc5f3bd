# Each target installs what it misses, then runs. Debian and Ubuntu; elsewhere it says what to install.
# make demo    build, replay a real capture, show the alert with its reasons
# make test    formatting, lints, every test
# make bench   throughput beside tcpdump, tshark and dnscap
# make lab     record the labelled captures again with real programs (root, Linux)

SHELL := /bin/bash
CARGO := $(shell command -v cargo 2>/dev/null || echo $(HOME)/.cargo/bin/cargo)
DEMO  := datasets/captures/demo-iodine.pcap

.PHONY: demo test bench lab

demo:
	@datasets/lab/need.sh build
	$(CARGO) build --quiet --locked --profile demo -p geophone-analytics
	@echo; echo "An iodine tunnel among ordinary traffic: $(DEMO)"; echo
	@target/demo/geophone replay $(DEMO) --format table

test:
	@datasets/lab/need.sh build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings
	$(CARGO) test --quiet --locked --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --workspace --no-deps
	@datasets/lab/licences.sh

bench:
	@datasets/lab/need.sh build bench
	$(CARGO) build --quiet --locked --release
	@datasets/bench/run.sh target/release

lab:
	@datasets/lab/need.sh lab
	@datasets/lab/record.sh
