# Two commands on a fresh machine: `make run` and `make test`. Everything else is a part of them.
CARGO ?= cargo
TOOLS := target/test-tools

.PHONY: run test lint fmt bench tools

# The gateway with simulated vendors: no key, no server. Prints a line that makes a picture.
run:
	$(CARGO) run --package gateway --bin atelier -- serve

# Everything: lints, unit tests, the running gateway driven from outside by real clients.
test: tools lint
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  ATELIER_TEST_TOOLS=$(abspath $(TOOLS)) $(CARGO) nextest run --workspace; \
	else \
	  ATELIER_TEST_TOOLS=$(abspath $(TOOLS)) $(CARGO) test --workspace --quiet; \
	fi
	$(CARGO) test --workspace --doc --quiet

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --log-level error check; fi

fmt:
	$(CARGO) fmt --all

# Functions (criterion) and the whole (a load run beside nginx); writes bench-results/.
bench:
	$(CARGO) bench --quiet --package records --package coordination --package routing --package provider-generor
	tests/bench/run.sh
	tests/bench/routing.sh

# What the tests drive the gateway with: the official SDKs. Installs what the machine lacks.
tools:
	@tests/tools/prepare.sh $(TOOLS)
