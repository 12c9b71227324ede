# The only task runner. `make help` lists what there is.
SHELL := /bin/sh
CARGO ?= cargo
PREFIX ?= /usr/local
CLIENTS := .clients
SCHEMATHESIS := .schemathesis/bin/schemathesis
PROMTOOL := .tools/promtool
MCP_SDK := .tools/mcp/installed
BROWSER := .browser
PLAYWRIGHT := 1.65.1
AXE := 4.14.1
# Debian 12 has 18; what drives the browser needs 20.
NODE := 22.23.3
NODE_PACKAGE = node-linux-$(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(shell uname -m)))
BROWSER_TOOLS := $(BROWSER)/$(PLAYWRIGHT)-$(AXE)-$(NODE)
V197 := $(CLIENTS)/2.1.197/node_modules/@anthropic-ai/claude-code/bin/claude.exe
V330 := $(CLIENTS)/2.1.330/node_modules/@anthropic-ai/claude-code/bin/claude.exe

DEBIAN_ROOT := .debian-root.tar
# A program that is built already, for `install` and `deb`: where root has no toolchain.
PROGRAM ?=
BUILT = $(or $(PROGRAM),target/release/claude-failover)
DEB_DIR ?= target/debian

.PHONY: help tools test-tools clients browser build check test soak demo bench ticks simulate guard-lab fuzz install uninstall deb clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

# Installs from Debian what is missing of a list of TOOL:PACKAGE, or TOOL where the package is called the same.
define ensure
	@missing=; for tool in $(1); do \
	  command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	[ -z "$$missing" ] || { \
	  [ "$$(id -u)" = 0 ] || { echo "install$$missing, or run make as root" >&2; exit 1; }; \
	  apt-get update -q && apt-get install -y -q --no-install-recommends $$missing; }
endef

# A real user manager of systemd is started by the tests, in namespaces of its own; nothing of it is enabled here.
TOOLS := tmux systemctl:systemd systemd-analyze:systemd setpriv:util-linux unshare:util-linux pgrep:procps ip:iproute2
# For the tests of what is packed: shells that complete, readers of manual pages, Debian's own checks.
TEST_TOOLS := zsh fish mandoc man:man-db groff:groff-base lintian mmdebstrap dpkg-shlibdeps:dpkg-dev strip:binutils curl gpg

tools: ## install what the demo and the tests need (tmux, systemd; Debian)
	$(call ensure,$(TOOLS))

test-tools: tools $(PROMTOOL) $(MCP_SDK) $(SCHEMATHESIS) ## install what only the tests need; some of it in .tools (git-ignored)
	$(call ensure,$(TEST_TOOLS))

# Checks `control` against its OpenAPI description; an environment of its own, with every version pinned.
$(SCHEMATHESIS): tests/schemathesis.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo "install python3-venv, or run make as root" >&2; exit 1; }; \
	  apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; }
	python3 -m venv --clear .schemathesis
	.schemathesis/bin/pip install --quiet --disable-pip-version-check -r tests/schemathesis.txt
	touch $@

# Only this one program of the package: installed, it would start a service.
$(PROMTOOL):
	mkdir -p .tools/prometheus
	cd .tools/prometheus && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; }
	cd .tools/prometheus && dpkg -x prometheus_*.deb . && mv usr/bin/promtool ..
	rm -rf .tools/prometheus
	touch $@

# The public SDK of the protocol, which talks to `mcp`; every version is pinned.
$(MCP_SDK): tests/mcp/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo "python3-venv is missing: install it, or run make as root" >&2; exit 1; }; \
	  apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; }
	rm -rf .tools/mcp && python3 -m venv .tools/mcp
	.tools/mcp/bin/pip install --quiet --disable-pip-version-check -r tests/mcp/requirements.txt
	touch $@

build: ## build the release program
	$(CARGO) build --release

check: ## formatting, lints, documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --features crash-points -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) check --quiet --manifest-path fuzz/Cargo.toml --no-default-features
	for f in examples/*.sh packaging/*.sh .ci/run; do sh -n $$f || exit 1; done
	bash -n completions/claude-failover.bash
	bash -n tests/systemd/with-systemd.sh
	sh -n tests/systemd/systemctl-recorder.sh

clients: tools $(V197) $(V330) ## install the two pinned versions of the real client (git-ignored)

$(CLIENTS)/%/node_modules/@anthropic-ai/claude-code/bin/claude.exe:
	$(call ensure,npm)
	mkdir -p $(CLIENTS)/$*
	npm install --silent --no-audit --no-fund --prefix $(CLIENTS)/$* @anthropic-ai/claude-code@$*
	test -x $@

# A Debian without anything but tmux and man, in which the package is installed.
$(DEBIAN_ROOT): | test-tools
	. /etc/os-release && mmdebstrap --quiet --format=tar --variant=essential --include=tmux,man-db --dpkgopt='path-exclude=/usr/share/locale/*' "$$VERSION_CODENAME" $@.new
	mv $@.new $@

browser: $(BROWSER_TOOLS) ## install the browser of the tests (Debian) and what drives it (git-ignored)
	$(call ensure,chromium-headless-shell)

$(BROWSER_TOOLS):
	$(call ensure,npm)
	rm -rf $(BROWSER) && mkdir -p $(BROWSER)
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(BROWSER) \
	  playwright-core@$(PLAYWRIGHT) axe-core@$(AXE) $(NODE_PACKAGE)@$(NODE)
	$(BROWSER)/node_modules/.bin/node --version
	touch $@

test: test-tools clients browser $(DEBIAN_ROOT) check ## everything that must be green
	$(CARGO) build --all-targets --features crash-points
	$(CARGO) test --features crash-points

soak: tools ## three days of work in a quarter of an hour, with everything dying; SEED=n
	$(CARGO) build --quiet --all-targets --features crash-points
	CLAUDE_FAILOVER_SOAK=long CLAUDE_FAILOVER_SOAK_SEED=$(or $(SEED),1) \
	  $(CARGO) test --quiet --features crash-points --test cli -- soak --nocapture

demo: tools ## a pool of three sessions works five tasks off, on a stand-in agent
	$(CARGO) build --quiet --bin claude-failover --example stand-in-agent
	sh examples/demo.sh

bench: tools ## figures: ticks, plans, hooks, beside a floor in the same run
	$(CARGO) build --release --quiet
	$(CARGO) build --release --quiet --example stand-in-agent --example bench
	target/release/examples/bench

ticks: tools ## two days of the timers' runs under a real systemd, in minutes
	$(CARGO) build --all-targets --features crash-points
	TICKS=5760 $(CARGO) test --features crash-points --test cli -- --nocapture under_systemd_days_of_ticks

simulate: ## weeks of work under several switching policies; ARGS=--sweep looks for settings
	$(CARGO) run --release --quiet --example simulate -- $(ARGS)

guard-lab: ## the guard against a real bash in a sealed root; ARGS='--seed 7 --count 8000'
	$(CARGO) build --release --quiet --example guard-lab --example guard-lab-inside
	target/release/examples/guard-lab run $(ARGS)

# Coverage for libFuzzer, which a stable compiler gives too; not for build scripts, so the target is named.
FUZZ_FLAGS := --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0
MINUTES ?= 30
TARGETS ?= shell-text tool-call

fuzz: ## the guard against hostile and mutated texts: MINUTES=30 for each of TARGETS; finds in fuzz/finds
	@command -v c++ >/dev/null || { \
	  [ "$$(id -u)" = 0 ] || { echo "a C++ compiler is missing: install it, or run make as root" >&2; exit 1; }; \
	  apt-get update -q && apt-get install -y -q g++; }
	host=$$(rustc -vV | sed -n 's/^host: //p') && bin=$${CARGO_TARGET_DIR:-fuzz/target}/$$host/release && \
	mkdir -p fuzz/finds && \
	$(CARGO) run --quiet --release --manifest-path fuzz/Cargo.toml --no-default-features --bin hostile && \
	RUSTFLAGS="$(FUZZ_FLAGS)" $(CARGO) build --release --manifest-path fuzz/Cargo.toml --target "$$host" \
	  --bin seeds $(TARGETS:%=--bin %) && \
	$$bin/seeds fuzz/corpus && \
	for target in $(TARGETS); do \
	  $$bin/$$target fuzz/corpus/$$target -dict=fuzz/corpus/words -max_total_time=$$(($(MINUTES) * 60)) \
	    -artifact_prefix=fuzz/finds/$$target- -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 $(ARGS) || exit 1; \
	done

install: $(if $(PROGRAM),,build) ## install to PREFIX (DESTDIR is obeyed); user units come along, nothing enables them by itself
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install.sh '$(BUILT)'

uninstall: ## remove just that
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' packaging/install.sh --remove

deb: $(if $(PROGRAM),,build) ## build a Debian package into DEB_DIR (target/debian)
	packaging/deb.sh '$(BUILT)' '$(DEB_DIR)'

clean: ## remove what was built
	$(CARGO) clean
