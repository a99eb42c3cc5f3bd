# Each target installs what it misses, then runs. Debian and Ubuntu; elsewhere it says what to install.
# make demo    build, replay a real capture, show the alert with its reasons
# make test    formatting, lints, every test
# make bench   throughput beside tcpdump, tshark and dnscap
# make bench-live  frames a second from an interface, without loss or with (root, Linux)
# make bench-kafka  what a record costs over Apache Kafka, how late alerts are (Linux)
# make bench-outage  a sensor at full rate whose broker is away for ten minutes (root, Linux)
# make soak    a generated day of 5,000 clients; memory must not grow
# make fuzz    each fuzz target for FUZZ_SECONDS (default 30); fails on a find
# make lab     record the labelled captures again with real programs (root, Linux)
# make lab-attacks  record the attacks and their harmless counterparts again (root, Linux)

SHELL := /bin/bash
CARGO := $(shell command -v cargo 2>/dev/null || echo $(HOME)/.cargo/bin/cargo)
DEMO  := datasets/captures/demo-iodine.pcap

.PHONY: demo test bench bench-live bench-kafka bench-outage soak fuzz lab lab-attacks

demo:
	@datasets/lab/need.sh build
	$(CARGO) build --quiet --locked --profile demo -p geophone-analytics --no-default-features
	@echo; echo "An iodine tunnel among ordinary traffic: $(DEMO)"; echo
	@target/demo/geophone replay $(DEMO) --format table

# The tests against Kafka get a broker for the whole run, unless KAFKA_BOOTSTRAP names one.
test:
	@datasets/lab/need.sh build kafka broker lists
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --locked -p geophone-analytics --no-default-features --all-targets -- -D warnings
	$(CARGO) clippy --quiet --locked -p geophone-sensor --no-default-features --all-targets -- -D warnings
	$(CARGO) test --quiet --locked --workspace --no-run
	@datasets/lab/kafka.sh with $(CARGO) test --quiet --locked --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --workspace --no-deps
	@datasets/lab/licences.sh

bench:
	@datasets/lab/need.sh build bench
	$(CARGO) build --quiet --locked --release -p geophone-sensor -p geophone-analytics --no-default-features
	@datasets/bench/run.sh target/release

bench-live:
	@datasets/lab/need.sh build live
	$(CARGO) build --quiet --locked --release -p geophone-sensor -p geophone-analytics --no-default-features
	@datasets/bench/live.sh target/release

bench-outage:
	@datasets/lab/need.sh build kafka broker live outage
	$(CARGO) build --quiet --locked --release -p geophone-sensor -p geophone-analytics --no-default-features --features geophone-sensor/kafka,geophone-analytics/kafka
	@datasets/bench/outage.sh target/release

bench-kafka:
	@datasets/lab/need.sh build kafka broker soak
	$(CARGO) build --quiet --locked --release -p geophone-sensor -p geophone-analytics --no-default-features --features geophone-sensor/kafka,geophone-analytics/kafka
	@datasets/bench/kafka.sh target/release

soak:
	@datasets/lab/need.sh build soak
	$(CARGO) build --quiet --locked --release -p geophone-sensor -p geophone-analytics --no-default-features
	@datasets/bench/soak.sh target/release/geophone

fuzz:
	@datasets/lab/need.sh build fuzz
	@sensor/fuzz/run.sh

lab:
	@datasets/lab/need.sh lab
	@datasets/lab/record.sh

lab-attacks:
	@datasets/lab/need.sh lab
	@datasets/lab/attacks.sh $(NAMES)
