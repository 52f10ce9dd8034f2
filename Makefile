# make demo           convert official models and compare them with TFLite
# make test           everything that CI checks
# make architectures  regenerate architectures/ from the official files
# make docs           write docs/operators.md from the registry of operators
# make models         measure all official models, for the README's table
# make recipes        measure losses and low precision, for docs/recipes.md
# make reference      install MediaPipe's own runtime, which runs its own operators, into the
#                     user's cache: tflite2torch reference
# make faults         plant faults in official models, for the table of docs/parity.md; 20 minutes
# make bench          measure a conversion, a comparison with TFLite, and the face landmarker
# make fuzz           try COUNT fresh hostile files; fuzz-coverage: guided by coverage
# make clean          remove what the above made in this folder, the environment included
#
# TFLITE2TORCH_MODELS names a folder with official models; where it is not set, those
# of MediaPipe's wheel are downloaded. PYTHON is what the environment is made with.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
WHEELS := .cache/wheels
WHEEL := $(WHEELS)/mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl
WHEEL_MODELS := .cache/models
# MediaPipe's tasks of today, which run what write-back writes; apart from .venv, for they pin numpy.
TASKS := .cache/mediapipe-1.2.2/bin/python
# They use MediaPipe's own operators: comparing them takes `make reference`.
APART := face_landmark_with_attention selfie_segmentation \
	selfie_segmentation_landscape
ARCHITECTURES_COMMAND := $(BIN)/python scripts/write_architectures.py

ifdef TFLITE2TORCH_MODELS
SOURCE := $(shell find -L "$(TFLITE2TORCH_MODELS)" -name face_landmarker.task | head -n 1)
endif
ifndef SOURCE
SOURCE := $(WHEEL_MODELS)
NEEDED := $(WHEEL_MODELS)/.complete
endif

.PHONY: demo test architectures docs models recipes faults reference bench fuzz fuzz-coverage clean

demo: $(INSTALLED) $(NEEDED)
	$(BIN)/tflite2torch convert "$(SOURCE)" -o demo --force

# worksteal keeps neighbouring tests in one process, where they share conversions.
test: $(INSTALLED) $(WHEEL) $(TASKS)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	TFLITE2TORCH_WHEELS=$(WHEELS) TFLITE2TORCH_TASKS=$(abspath $(TASKS)) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

architectures: $(INSTALLED) $(WHEEL)
	$(ARCHITECTURES_COMMAND) "$${TFLITE2TORCH_MODELS:?must name a folder of models}" $(WHEELS)

docs: $(INSTALLED)
	$(BIN)/python scripts/write_operators.py

models: $(INSTALLED) $(WHEEL) reference
	$(BIN)/python -m benchmarks.models $(TFLITE2TORCH_MODELS) $(WHEEL) --write README.md

recipes: $(INSTALLED) $(WHEEL)
	$(BIN)/python -m benchmarks.recipes $(TFLITE2TORCH_MODELS) $(WHEEL) --write docs/recipes.md

faults: $(INSTALLED) $(WHEEL)
	$(BIN)/python -m benchmarks.faults $(TFLITE2TORCH_MODELS) $(WHEEL) --log .cache/faults.json \
		--write docs/parity.md
	rm .cache/faults.json # which an interrupted run leaves, to go on

bench: $(INSTALLED) $(NEEDED)
	$(BIN)/python -m benchmarks.convert "$(SOURCE)"
	$(BIN)/python -m benchmarks.parity "$(SOURCE)"
ifdef TFLITE2TORCH_MODELS
	$(MAKE) $(TASKS)
	TFLITE2TORCH_TASKS=$(abspath $(TASKS)) $(BIN)/python -m benchmarks.pipeline "$(SOURCE)"
endif

COUNT ?= 10000
SECONDS ?= 600

fuzz: $(INSTALLED) $(WHEEL)
	$(BIN)/python -m tests.hostile.fuzz $(TFLITE2TORCH_MODELS) $(WHEEL) \
		--count $(COUNT) --keep .cache/found

fuzz-coverage: $(INSTALLED)
	$(BIN)/python -m pip install --quiet atheris
	@mkdir -p .cache/corpus
	$(BIN)/python -m tests.hostile.coverage .cache/corpus -max_total_time=$(SECONDS)

clean:
	rm -rf .venv .cache demo .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(INSTALLED): pyproject.toml constraints.txt
	@echo "installing into .venv; the first time takes minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	@touch $@

# Any Python can fetch and read the wheel, which is built for 3.11 only.
$(WHEEL): | $(INSTALLED)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
		--only-binary=:all: --python-version 3.11 --platform manylinux_2_28_x86_64 \
		--dest $(WHEELS) mediapipe==0.10.21

# It appears when it is complete.
$(TASKS): | $(INSTALLED)
	rm -rf .cache/tasks-new
	$(PYTHON) -m venv .cache/tasks-new
	.cache/tasks-new/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==1.2.2
	mv .cache/tasks-new $(dir $(patsubst %/,%,$(dir $(TASKS))))

$(WHEEL_MODELS)/.complete: $(WHEEL) Makefile
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@$(BIN)/python -c "$$EXTRACT" $(WHEEL) $(@D) $(APART)
	@touch $@

define EXTRACT
import pathlib, sys, zipfile
wheel, folder, *apart = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in map(pathlib.PurePosixPath, archive.namelist()):
        if member.suffix == ".tflite" and member.stem not in apart:
            pathlib.Path(folder, member.name).write_bytes(archive.read(str(member)))
endef
export EXTRACT

reference: $(INSTALLED)
	$(BIN)/tflite2torch reference
