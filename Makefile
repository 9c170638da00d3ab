# The project's verbs. `make demo` and `make test` do all their set-up themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NATIVE := CMakeLists.txt $(shell find inference/ops/native evaluation/native -type f 2>/dev/null)
CXX_FILES := $(shell find inference/ops/native evaluation/native tests -name '*.cc' -o -name '*.cu' -o -name '*.h' 2>/dev/null)
SOURCES := mixline lsp_server inference onnx_export training evaluation tests benchmarks

.PHONY: help demo test check unit native extension vsix sanitize sanitize-suite fuzz fuzz-operators fuzz-protocol fuzz-models faults soak offline sockets e2e pictures bench format wheel clean
help: ## list the verbs
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

$(BIN)/python:
	$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Python 3.11 or newer is needed, this is {v.major}.{v.minor}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# The package with its operators, editable: Python edits need nothing, C++ edits rebuild here.
$(VENV)/.installed: pyproject.toml $(NATIVE) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/.installed ## set up, complete a real file with the shipped model, show it
	$(BIN)/mixline complete docs/demo/orders.py:39:28

test: check unit ## everything that must hold before a commit: check + unit

check: $(VENV)/.dev extension ## formatters, linters, types, layers
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/clang-format --dry-run -Werror $(CXX_FILES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v luacheck >/dev/null; then cd nvim && luacheck --quiet lua; else echo 'no luacheck on PATH: nvim/ is not linted'; fi

unit: $(VENV)/.dev ## the tests
	$(BIN)/python -m pytest

# The VS Code extension needs Node from 20 on and npm, which nothing else does.
EXTENSION := vscode-extension
HAS_NPM := $(shell command -v npm >/dev/null && node -e 'console.log(parseInt(process.versions.node) >= 20 ? "yes" : "")' 2>/dev/null)
EXTENSION_FILES := $(shell find $(EXTENSION)/src $(EXTENSION)/media -type f 2>/dev/null) $(addprefix $(EXTENSION)/,package.json README.md build.mjs .vscodeignore server/make_environment.py)

$(EXTENSION)/node_modules/.installed: $(EXTENSION)/package-lock.json
	cd $(EXTENSION) && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

ifneq ($(HAS_NPM),)
# Real TypeScript and eslint are checkers of quick fixes.
unit: $(EXTENSION)/node_modules/.installed
extension: $(EXTENSION)/node_modules/.installed ## formatter, linter, types and unit tests of the VS Code extension
	cd $(EXTENSION) && npm run --silent check
else
extension:
	@echo 'no npm with Node 20 or newer on PATH: the checks of vscode-extension/ are left out'
endif

# What the first set-up makes the server's environment from: our wheel, and pip for Pythons without one.
SERVER := $(EXTENSION)/server
PIP := pip==26.3
PACKAGES := mixline lsp_server inference onnx_export training evaluation models
$(SERVER)/.packed: pyproject.toml $(NATIVE) $(shell find $(PACKAGES) -type f -not -name '*.pyc') | $(BIN)/python
	rm -f $(SERVER)/*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(SERVER) .
	$(BIN)/python -m pip download --quiet --no-deps --dest $(SERVER) $(PIP)
	@touch $@

# For this platform alone, like the wheel in it.
dist/mixline.vsix: $(EXTENSION)/node_modules/.installed $(EXTENSION_FILES) $(SERVER)/.packed
	@mkdir -p dist
	cd $(EXTENSION) && npm run --silent vsix -- --target $$(node -p 'process.platform + "-" + process.arch') --out ../$@

vsix: dist/mixline.vsix ## build the VS Code extension into dist/

native: $(VENV)/.dev ## the operators' own tests, sanitized too, and for 64-bit ARM where qemu and g++ are there
	$(BIN)/python -m pytest tests/native

# Editors are kept in MIXLINE_E2E_CACHE, by default .e2e: VS Code takes five minutes to build.
E2E := $(or $(MIXLINE_E2E_CACHE),.e2e)
e2e: $(VENV)/.dev ## drive real editors with the shipped model; installs them and all else that this takes
	tests/e2e/install_debian.sh
	$(BIN)/python -m pip install --quiet --group e2e $(if $(HAS_NPM),,--group node)
	PATH=$(CURDIR)/$(BIN):$$PATH $(MAKE) --no-print-directory vsix
	PATH=$(CURDIR)/$(BIN):$$PATH tests/e2e/install_neovim.sh $(E2E)/neovim
	PATH=$(CURDIR)/$(BIN):$$PATH tests/e2e/install_neovim.sh $(E2E)/neovim-trixie trixie
	PATH=$(CURDIR)/$(BIN):$$PATH tests/e2e/install_helix.sh $(E2E)/helix
	PATH=$(CURDIR)/$(BIN):$$PATH tests/e2e/install_vscode.sh $(E2E)/vscode
	$(BIN)/python -m pytest tests/e2e -m e2e

pictures: ## put the pictures that the last `make e2e` took into docs/
	cp .e2e/neovim-animation.svg docs/neovim.svg
	cp .e2e/neovim.svg docs/ghost-text.svg
	cp .e2e/vscode.png docs/vscode.png

sanitize: $(VENV)/.dev ## the operators' tests under address, undefined-behaviour and thread sanitizers
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python tests/sanitizers/run.py address
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python tests/sanitizers/run.py thread

sanitize-suite: $(VENV)/.dev ## the whole suite with operators under the address sanitizer; takes long
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python tests/sanitizers/run.py address suite $(SUITE)

fuzz: fuzz-operators fuzz-protocol fuzz-models ## all of the fuzzers; FUZZ="--first N" resumes one of them

fuzz-operators: $(VENV)/.dev ## 10^5 random calls of the operators under the address sanitizer
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python tests/sanitizers/run.py address fuzz $(FUZZ)

fuzz-protocol: $(VENV)/.dev ## 10^6 right and wrong messages to the server with the shipped model
	$(BIN)/python -m tests.fuzz.protocol $(FUZZ)

fuzz-models: $(VENV)/.dev ## 10^5 hostile model directories
	$(BIN)/python -m tests.fuzz.models $(FUZZ)

faults: $(VENV)/.dev ## 3,000 kills while state is written, disks that refuse, memory that is not there, and the like
	MIXLINE_KILLS=1000 $(BIN)/python -m pytest -v tests/lsp_server/test_kills.py tests/lsp_server/test_clock_wire.py tests/lsp_server/test_trust.py \
		tests/lsp_server/test_faults_wire.py tests/lsp_server/test_faults_midway_wire.py

soak: $(VENV)/.dev ## 20 minutes of a working day at high speed: memory, threads, time; SOAK="--minutes 60"
	$(BIN)/python -m tests.soak $(SOAK)

# A network of its own, in which there is nothing but loopback: Linux alone has that.
offline: $(VENV)/.dev ## the tests where no network is; OFFLINE=tests/lsp_server for some of them
	unshare --map-root-user --net sh -c 'ip link set lo up && exec $(BIN)/python -m pytest $(OFFLINE)'

# The TCP tests alone may open a socket. What they look at by themselves is looked at here as well.
sockets: $(VENV)/.dev ## the tests under strace: no process of them connects to an address; SOCKETS=tests/mixline
	@mkdir -p build
	strace -f -qq --seccomp-bpf -e trace=connect,bind,sendto,sendmsg,sendmmsg -o build/sockets.txt \
		$(BIN)/python -m pytest $(or $(SOCKETS),tests/lsp_server tests/mixline tests/onnx_export tests/inference) \
		--ignore tests/lsp_server/test_tcp_wire.py --deselect tests/lsp_server/test_sockets.py::test_a_socket_would_be_told
	! grep AF_INET build/sockets.txt

bench: $(VENV)/.installed ## print the tables of README and docs
	$(BIN)/mixline bench ops --tokens 1 16 128 --calls 20 --weights int4
	$(BIN)/mixline bench decode

format: $(VENV)/.dev ## rewrite the sources as the formatters want them
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/clang-format -i $(CXX_FILES)

wheel: $(BIN)/python ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove everything that was built
	rm -rf $(VENV) build dist $(EXTENSION)/dist $(EXTENSION)/node_modules .e2e .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
