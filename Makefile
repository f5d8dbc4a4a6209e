# dopt: post-training INT8 quantization as small tools. `make help` lists the targets.
# SPDX-License-Identifier: Apache-2.0

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share/dopt
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/dopt
VERSION := $(shell sed -n 's/.*DOPT_VERSION "\(.*\)"/\1/p' cmd/cli.h)

# SAN=address,undefined or SAN=thread builds the same tree with a sanitizer, beside the plain one.
SAN ?=
comma := ,
B   := build$(if $(SAN),/$(firstword $(subst $(comma), ,$(SAN))))

CC     ?= cc
OPT    ?= -O2
WARN   := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
          -Wwrite-strings -Wformat=2 -Wundef -Wcast-align
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -Ilib -I$(B)/proto -fopenmp -pthread -MMD -MP -g $(OPT) $(WARN) \
          $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
# Kernels: loops that vectorize; never -ffast-math, results must not depend on the compiler's mood.
$(B)/lib/op/%.o $(B)/lib/observe/%.o $(B)/lib/image/%.o: OPT := -O3
LIBS   := -ldnnl -lprotobuf-c -larchive -ljpeg -lxxhash -lz -lm

PROTO := $(wildcard proto/*.proto)
PSRC  := $(PROTO:proto/%.proto=$(B)/proto/%.pb-c.c)
LSRC  := $(wildcard lib/*/*.c)
LOBJ  := $(LSRC:%.c=$(B)/%.o) $(PSRC:.c=.o)
TOOLS := $(patsubst cmd/%.c,%,$(wildcard cmd/dopt*.c))
BINS  := $(TOOLS:%=$(B)/bin/%)
MAN   := $(wildcard man/*.[157])
UNIT  := $(patsubst tests/unit/%.c,$(B)/test/%,$(wildcard tests/unit/*.c))

all: $(BINS)

$(B)/bin/%: $(B)/cmd/%.o $(B)/cmd/cli.o $(B)/libdopt.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libdopt.a: $(LOBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# Generated code is not held to our warnings.
$(B)/proto/%.pb-c.o: $(B)/proto/%.pb-c.c
	$(CC) -std=gnu11 -O2 -g $(if $(SAN),-fsanitize=$(SAN)) -I$(B)/proto -c -o $@ $<
$(B)/proto/%.pb-c.c $(B)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(@D)
	protoc-c --c_out=$(B)/proto --proto_path=proto $<
$(LSRC:%.c=$(B)/%.o): $(PSRC:.c=.h)
.SECONDARY: $(PSRC) $(PSRC:.c=.h)

# Programs that tests/*.bats run: what no tool can show.
$(B)/test/%: tests/unit/%.c $(B)/libdopt.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)

unit: $(UNIT)

check: all unit
	DOPT_BIN=$(CURDIR)/$(B)/bin bats tests

clean:
	rm -rf build

.PHONY: all unit check clean
-include $(shell find $(B) -name '*.d' 2>/dev/null)
