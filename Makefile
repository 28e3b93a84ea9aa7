# make demo: the whole line in one terminal. make test: everything a change must keep green.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo setup test test-page test-slow test-faults test-drivers test-integrations test-arm test-device check bench wheel clean

demo: $(STAMP)
	$(BIN)/python -m benchmarks.demo

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lineside needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing: on Debian and Ubuntu, apt install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (TensorFlow is large: a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

# a file is run by one process; most tests wait more than they compute, hence two processes a core.
# ORDER="--order-seed 7" draws another order
PROCESSES ?= 4
BY_FILE := --dist loadfile --no-loadscope-reorder
ORDER ?=
test: $(STAMP)
	$(BIN)/python -m pytest -n $(PROCESSES) $(BY_FILE) $(ORDER) -m "not slow and not device and not faults and not drivers and not browser and not integrations"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n 2 $(BY_FILE) -m slow --timeout=1800

# a thousand kills and power cuts, with the output's own count as truth; FUZZ mutated files
FUZZ ?= 100000
test-faults: $(STAMP)
	LINESIDE_FUZZ=$(FUZZ) $(BIN)/python -m pytest -m faults --timeout=5400

# drivers against real peers from Debian packages (RTSP, GigE Vision, OPC UA, sound), and in a guest
# with Debian's kernel and its test drivers (cameras, IIO, I2C, sound card, USB serial)
test-drivers: $(STAMP)
	$(BIN)/python -m pytest -m drivers -rs --timeout=300

# against the plant's own programs: PostgreSQL (apt install postgresql postgresql-15-partman), brokers,
# historians; a program that is not installed is a SKIP with the reason
test-integrations: $(STAMP)
	$(BIN)/python -m pytest -m integrations -rs --timeout=600

# the station's page in Debian's Chromium and Firefox (apt install chromium firefox-esr); SCREENSHOTS=folder keeps pictures
SCREENSHOTS ?=
test-page: $(STAMP)
	LINESIDE_SCREENSHOTS=$(SCREENSHOTS) $(BIN)/python -m pytest -m browser -rs --timeout=300

# a light barrier on a pin of an emulated arm64 board; needs root, mmdebstrap and qemu-system-arm
test-arm: $(STAMP)
	$(BIN)/python -m pytest -m device -rs --timeout=900 tests/rig

# on emulated arm64 boards: a bundle under qemu-user, and an appliance image from its building to the
# way back from a broken release; needs root, mmdebstrap, qemu-user-static, qemu-system-arm,
# qemu-efi-aarch64 and mosquitto; what is missing is a SKIP with the reason
test-device: $(STAMP)
	$(BIN)/python -m pytest -m device -rs --timeout=7200

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# what a station installs: dist/lineside-*.whl
wheel: $(STAMP)
	$(BIN)/python -m build --wheel --no-isolation

# DATA=folder: the public research sets that the protocols name (hours on two cores)
DATA ?= data
bench: $(STAMP)
	$(BIN)/python -m benchmarks.agent
	for name in real_line vibration process image quantize; do \
	  $(BIN)/python -m benchmarks.$$name $(DATA) || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info demo-output
