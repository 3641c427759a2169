# make run [STEP=03] [PORT=9000]    run a step, the last one if none is named
# make deploy [STEP=17]             run a step behind NGINX, as on a server
# make stage [STEP=03] [PORT=9000]  show two people, the wire and the change on one page
# make notebooks [PORT=9000]        open the notebooks in JupyterLab
# make test [STEP=03]               run all tests, or those of one step
# make pythons                      run the quick tests on every Python that is here
# make bench                        measure what a message costs
# make check STEP=03 DIR=../mychat  test a folder of your own at a step
# make install                      make .venv with the command `tutorial`
# make requirements                 compile the pinned requirements again
# make table                        write docs/steps.md's table again
# make diagrams                     draw the chapters' diagrams in docs again
# make screenshot                   take the pictures in docs again, diagrams as well
# PYTHON=python3.13                 the Python for a new .venv

PYTHON = python3
STEP =
PORT =
DIR =

UV_INSTALL = .venv/bin/uv pip install --quiet --python .venv
# From the cache alone if it has everything: nothing has to be asked of the network.
INSTALL_PINNED = $(UV_INSTALL) --offline --require-hashes --requirement $(1) \
	2>/dev/null || $(UV_INSTALL) --require-hashes --requirement $(1)
# Starts are three times faster, also where Python may not keep its bytecode itself.
COMPILE_BYTECODE = .venv/bin/python -m compileall -qq -j 0 \
	-x '/(tests?|gis|locale|pip|setuptools|pkg_resources|debugpy|fontTools)/' .venv/lib || true
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --upgrade \
	--fork-strategy fewest \
	--custom-compile-command "make requirements"
# What the browser tests load into pages. Mermaid draws the chapters' diagrams, as it does
# on the web, and axe looks for what keeps people out: name-version, file, SHA-512.
MERMAID = mermaid-11.17.2 dist/mermaid.min.js \
	57a2b70bc101744b0f1595d228c25eea9a50384371b87011afd1af1d7e21878ee501b84c443f6a7f8a042bb2e869143150b31af34feab798073bbdda0a578106
AXE = axe-core-4.14.1 axe.min.js \
	1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
# $(call FROM_NPM,name-version file SHA-512) puts the file into .venv.
FROM_NPM = cd .venv && npm pack --silent $(shell echo $(word 1,$(1)) | sed 's/-\([0-9]\)/@\1/') \
	>/dev/null 2>&1 && bin/python -c "$(HAS_SHA_512)" $(word 1,$(1)).tgz $(word 3,$(1)) && \
	tar -xzOf $(word 1,$(1)).tgz package/$(word 2,$(1)) >$(notdir $(word 2,$(1))) && \
	rm $(word 1,$(1)).tgz
# Not every system has sha512sum.
HAS_SHA_512 = import hashlib, sys; _, name, wanted = sys.argv; \
	sys.exit(hashlib.sha512(open(name, 'rb').read()).hexdigest() != wanted)

.PHONY: install run deploy stage notebooks test pythons bench check lint requirements \
	table diagrams screenshot

# With exec a signal to make reaches the tool, not a shell in between.
run: .venv/run.done
	@exec .venv/bin/tutorial run "$(STEP)" $(if $(PORT),--port "$(PORT)")

deploy: .venv/run.done
	@exec .venv/bin/tutorial deploy $(if $(STEP),"$(STEP)")

stage: .venv/run.done
	@exec .venv/bin/tutorial stage $(if $(STEP),"$(STEP)") $(if $(PORT),--port "$(PORT)")

notebooks: .venv/notebooks.done
	@exec .venv/bin/tutorial notebooks $(if $(PORT),--port "$(PORT)")

test: .venv/test.done .venv/notebooks.done .venv/npm.done lint
	@exec .venv/bin/pytest --everything $(if $(STEP),--step "$(STEP)")

pythons: .venv/test.done
	@.venv/bin/python -m tests.pythons

bench: .venv/test.done .venv/notebooks.done
	@exec .venv/bin/python -m tests.bench

check: .venv/test.done
	@exec .venv/bin/tutorial check "$(STEP)" "$(DIR)"

install: .venv/test.done
	@echo "Now type: source .venv/bin/activate"

lint: .venv/test.done
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --quiet --check .

requirements: .venv/uv.done
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --group test --output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --group notebooks --constraint requirements-dev.txt \
		--output-file requirements-notebooks.txt
	$(COMPILE) --group install --output-file requirements-uv.txt

table: .venv/test.done
	@.venv/bin/python -m tests.readme.table

diagrams: .venv/test.done .venv/npm.done
	@.venv/bin/python -m tests.readme.diagrams

screenshot: diagrams
	@.venv/bin/python -m tests.readme.screenshot

.venv/uv.done: requirements-uv.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))" \
		2>/dev/null || { echo "$(PYTHON) is not Python 3.11 to 3.14: add, for" \
		"example, PYTHON=python3.13."; exit 2; }
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { echo \
		"$(PYTHON) cannot make .venv: on Debian, apt install python3-venv."; exit 2; }
	@echo "Making .venv, which takes a minute or two ..."
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --no-compile --disable-pip-version-check \
		--require-hashes --requirement requirements-uv.txt
	@touch $@

.venv/run.done: .venv/uv.done requirements.txt pyproject.toml
	@echo "Installing what running needs ..."
	@$(call INSTALL_PINNED,requirements.txt)
	@$(UV_INSTALL) --no-deps --no-build-isolation --editable .
	@$(COMPILE_BYTECODE)
	@touch $@

.venv/notebooks.done: .venv/run.done requirements-notebooks.txt
	@echo "Installing what the notebooks need ..."
	@$(call INSTALL_PINNED,requirements-notebooks.txt)
	@$(COMPILE_BYTECODE)
	@touch $@

.venv/test.done: .venv/run.done requirements-dev.txt
	@echo "Installing what testing needs ..."
	@$(call INSTALL_PINNED,requirements-dev.txt)
	@$(COMPILE_BYTECODE)
	@touch $@

# Without npm the tests that need these files say so.
.venv/npm.done: .venv/uv.done
	@if command -v npm >/dev/null; then \
		($(call FROM_NPM,$(MERMAID))) && ($(call FROM_NPM,$(AXE))) || { echo "npm could" \
		"not fetch what the browser tests load: try again with a network."; exit 2; }; fi
	@touch $@
