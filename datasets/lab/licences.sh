#!/usr/bin/env bash
# Checks licences, bans and sources of the dependencies with cargo-deny, where it is installed.
# Advisories need a database from outside and are checked only where that is at hand.
set -euo pipefail

if ! command -v cargo-deny >/dev/null 2>&1; then
    echo "not covered: cargo deny (cargo install cargo-deny, then make test again)"
    exit 0
fi
cargo deny --locked --log-level error check licenses bans sources
