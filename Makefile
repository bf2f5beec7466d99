# Everything a visitor or a developer does here. Each target checks the system packages first.
#
# Builds go to a cache folder in the home directory, so that every checkout shares them.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tsoracle-lab/target
export CARGO_TERM_PROGRESS_WHEN ?= never
# Where criterion keeps estimates and baselines.
export CRITERION_HOME ?= $(CARGO_TARGET_DIR)/criterion

LAB = cargo run --release --package tsoracle-lab --

.DEFAULT_GOAL := help
.PHONY: help compare report publish test verify fix bench packages

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

compare: packages ## run one driver of each kind on this disk and write reports/latest/
	$(LAB) compare --profile quick --out reports/latest

report: packages ## write the report again from the results in reports/latest/
	$(LAB) report reports/latest/results.json --out reports/latest

publish: packages ## keep reports/latest/ as reports/NAME/, and its table in README and docs (NAME=...)
	@test -n "$(NAME)" || { echo 'say which: make publish NAME=...' >&2; exit 2; }
	mkdir -p reports/$(NAME)
	cp reports/latest/results.json reports/$(NAME)/
	$(LAB) report reports/$(NAME)/results.json --out reports/$(NAME) \
	  --splice README.md --splice oracle/consensus/docs/consensus-integration.md
	echo $(NAME) > reports/PUBLISHED

test: packages ## every test, each conformance check by name
	scripts/test

verify: packages ## the read-only gate: format, lints, documentation, dependency rules
	scripts/verify

fix: packages ## format, and apply what clippy can apply
	cargo fmt --all
	cargo clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged

bench: packages ## every criterion benchmark (15 minutes), its estimates into reports/latest/results.json
	find $(CRITERION_HOME) -type d -name new -prune -exec rm -r {} + 2>/dev/null || true
	cargo bench --package tsoracle-benches
	$(LAB) benches --criterion $(CRITERION_HOME) --into reports/latest/results.json

packages:
	@scripts/system-packages
