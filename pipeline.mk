# pipeline.mk: a float model and a calibration set in, a quantized model and its param out; every
# intermediate is a file in WORK, and only what depends on a change runs again. dopt-pipeline(7).
#
#   make -f pipeline.mk MODEL=net.onnx CAL_CONF=config.prototxt OUTPUT=net-int8.onnx PARAM=param
#
# SPDX-License-Identifier: Apache-2.0

FRAMEWORK    ?= 5
# Of a PyTorch definition: the expression that makes the module, where the weights do not tell.
ENTRY        ?=
WEIGHT       ?=
INPUT_SHAPE  ?=
OUT_NODES    ?=
INPUT_FORMAT ?=
# Make itself, and some environments, have AS (the assembler) already.
ifneq ($(filter undefined default environment,$(origin AS)),)
AS           := grid
endif
PRESET       ?=
METHOD       ?=
EXCLUDE      ?=
SHARDS       ?= 1
THREADS      ?= $(if $(filter-out 1,$(SHARDS)),1)
RUN          ?=
WORK         ?= $(OUTPUT).work
IMPORT_FLAGS  ?=
OBSERVE_FLAGS ?=
SAMPLE_FLAGS  ?=
QUANT_FLAGS   ?=
EMIT_FLAGS    ?=
# Where the tools are: beside this file in a build, in ../../bin of an installation, else in PATH.
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
BIN  ?= $(firstword $(patsubst %dopt-import,%,$(wildcard $(HERE)build/bin/dopt-import $(HERE)../../bin/dopt-import)))
# File descriptor for the tools' messages (the driver keeps make's own out of the way).
ERR  ?= 2

need = $(if $($1),,$(error $1 is not set: make -f pipeline.mk MODEL=… CAL_CONF=… OUTPUT=… PARAM=…))
$(foreach v,MODEL CAL_CONF OUTPUT PARAM,$(call need,$v))

# A recipe's failure is noted with the stage's name; values with blanks and quotes reach the shell whole.
quote = '$(subst ','\'',$1)'
opt   = $(if $(strip $2),$1 $(call quote,$(strip $2)))
stage = { $2 ; } 2>&$(ERR) || { s=$$?; echo "$1 $$s" > $(WORK)/failed; exit $$s; }
# The files behind links, with size and time: one that is replaced by an older one counts too.
which = for f in $1; do readlink -f "$$f"; stat -Lc '%s %y' "$$f"; done
# Rewrites $@ only when its text changes.
stamp = mkdir -p $(WORK) && { $1 ; } > $@.new 2>&$(ERR) || { s=$$?; rm -f $@.new; echo "config $$s" > $(WORK)/failed; exit $$s; }; \
        if cmp -s $@.new $@; then rm -f $@.new; else mv -f $@.new $@; fi

numbers := $(shell seq $(SHARDS))
shards  := $(numbers:%=$(WORK)/shard-%-of-$(SHARDS).dopt)

all: $(OUTPUT) $(PARAM)

$(WORK)/import.stamp: FORCE
	@$(call stamp,$(call which,$(MODEL) $(WEIGHT)); \
	    echo $(call quote,$(FRAMEWORK) $(ENTRY) $(INPUT_SHAPE) $(OUT_NODES) $(IMPORT_FLAGS)))
$(WORK)/calibration.stamp: FORCE
	@$(call stamp,echo $(call quote,$(INPUT_FORMAT) $(SAMPLE_FLAGS) $(OBSERVE_FLAGS)); $(BIN)dopt-show --part calibration $(CAL_CONF))
$(WORK)/quant.stamp: FORCE
	@$(call stamp,echo $(call quote,$(PRESET) $(METHOD) $(EXCLUDE) $(QUANT_FLAGS)); $(BIN)dopt-show --part quantization $(CAL_CONF))
$(WORK)/emit.stamp: FORCE
	@$(call stamp,readlink -m $(OUTPUT) $(PARAM); echo $(call quote,$(AS) $(EMIT_FLAGS)))

$(WORK)/model.dopt: $(MODEL) $(WEIGHT) $(WORK)/import.stamp
	@$(call stage,import,$(BIN)dopt-import --link --framework $(FRAMEWORK) $(call opt,--weight,$(WEIGHT)) \
	    $(call opt,--input_shape,$(INPUT_SHAPE)) $(call opt,--out_nodes,$(OUT_NODES)) $(IMPORT_FLAGS) -o $@ $(call quote,$(MODEL)$(if $(ENTRY),:$(ENTRY))))

$(shards): $(WORK)/shard-%-of-$(SHARDS).dopt: $(WORK)/model.dopt $(WORK)/calibration.stamp
	@$(call stage,observe,$(RUN) $(BIN)dopt-observe -c $(CAL_CONF) $(call opt,--input_format,$(INPUT_FORMAT)) \
	    --shard $*/$(SHARDS) $(call opt,-j,$(THREADS)) $(SAMPLE_FLAGS) $(OBSERVE_FLAGS) -d -o $@ $<)

$(WORK)/observed.dopt: $(shards)
	@$(call stage,merge,$(BIN)dopt-merge -o $@ $(shards))

$(WORK)/plan.dopt: $(WORK)/model.dopt $(WORK)/observed.dopt $(WORK)/quant.stamp
	@$(call stage,quant,$(BIN)dopt-quant -c $(CAL_CONF) $(call opt,--preset,$(PRESET)) $(call opt,--method,$(METHOD)) $(call opt,--exclude,$(EXCLUDE)) \
	    $(QUANT_FLAGS) -d -o $@ $(WORK)/model.dopt $(WORK)/observed.dopt)

$(OUTPUT) $(PARAM) &: $(WORK)/plan.dopt $(WORK)/emit.stamp
	@$(call stage,emit,$(BIN)dopt-emit --as $(AS) --param $(PARAM) $(EMIT_FLAGS) -o $(OUTPUT) $(WORK)/model.dopt $(WORK)/plan.dopt)

# The output SQNR of the quantized against the float model on eight steps over the calibration set.
compare: $(WORK)/compare.txt
$(WORK)/compare.txt: $(WORK)/plan.dopt
	@$(call stage,compare,$(BIN)dopt-run --compare --spread 8 -c $(CAL_CONF) $(call opt,--input_format,$(INPUT_FORMAT)) \
	    $(SAMPLE_FLAGS) -o $@ $(WORK)/model.dopt $(WORK)/plan.dopt)

FORCE:
.PHONY: all compare FORCE
.DELETE_ON_ERROR:
# The tools replace whole files or leave them: a failed stage must not cost the last good result.
.PRECIOUS: $(OUTPUT) $(PARAM) $(WORK)/%
.SUFFIXES:
