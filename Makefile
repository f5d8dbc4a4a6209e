# dopt: post-training INT8 quantization as small tools. `make help` lists the targets.
# SPDX-License-Identifier: Apache-2.0

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share/dopt
MANDIR  ?= $(PREFIX)/share/man
DOCDIR  ?= $(PREFIX)/share/doc/dopt
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
VERSION := $(shell sed -n 's/.*DOPT_VERSION "\(.*\)"/\1/p' cmd/cli.h)

# SAN=address,undefined or SAN=thread builds the same tree with a sanitizer, beside the plain one.
SAN ?=
comma := ,
B   := build$(if $(SAN),/$(firstword $(subst $(comma), ,$(SAN))))

CC     ?= cc
OPT    ?= -O2
WARN   := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
          -Wwrite-strings -Wformat=2 -Wundef -Wcast-align
CFLAGS_ALL = -std=gnu11 -ffp-contract=off -fno-math-errno -fno-trapping-math -D_GNU_SOURCE -Ilib -I$(B)/proto -fopenmp -pthread -MMD -MP -g $(OPT) $(WARN) \
          $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
# Kernels: loops that vectorize; never -ffast-math, results must not depend on the compiler's mood.
$(B)/lib/op/%.o $(B)/lib/observe/%.o $(B)/lib/quant/%.o $(B)/lib/image/%.o: OPT := -O3
LIBS   := -Wl,--as-needed -ldnnl -lstdc++ -lprotobuf-c -larchive -ljpeg -lpng -lwebp -ltiff -lxxhash -lz -lm

PROTO := $(wildcard proto/*.proto)
PSRC  := $(PROTO:proto/%.proto=$(B)/proto/%.pb-c.c)
LSRC  := $(wildcard lib/*/*.c)
LOBJ  := $(LSRC:%.c=$(B)/%.o) $(PSRC:.c=.o)
TOOLS := $(patsubst cmd/%.c,%,$(wildcard cmd/dopt*.c))
BINS  := $(TOOLS:%=$(B)/bin/%)
MAN   := $(wildcard man/*.[157])
UNIT  := $(patsubst tests/unit/%.c,$(B)/test/%,$(filter-out %/nomem.c,$(wildcard tests/unit/*.c))) $(B)/test/nomem.so

COMPLETIONS := $(addprefix $(B)/completions/dopt.,bash zsh fish)

all: $(BINS) $(COMPLETIONS)

$(B)/completions/dopt.%: cmd/completions.awk $(BINS)
	@mkdir -p $(@D)
	@for t in $(BINS); do $$t -h; done | awk -v shell=$* -f $< >$@

# Archives, so that a tool links, and loads at every start, only what it uses.
CMDOBJ := $(patsubst cmd/%.c,$(B)/cmd/%.o,$(filter-out cmd/dopt%.c,$(wildcard cmd/*.c)))
$(B)/bin/%: $(B)/cmd/%.o $(B)/libcmd.a $(B)/libdopt.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libcmd.a: $(CMDOBJ)
$(B)/libdopt.a: $(LOBJ)
$(B)/lib%.a:
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
	$(CC) $(CFLAGS_ALL) -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

# To be preloaded.
$(B)/test/%.so: tests/unit/%.c
	@mkdir -p $(@D)
	$(CC) -shared -fPIC $(CFLAGS_ALL) -MF $@.d -MT $@ -o $@ $<

unit: $(UNIT)

# ---- what Debian has and we need -------------------------------------------------------------
DEPS_BUILD := gcc protobuf-c-compiler libprotobuf-c-dev libarchive-dev zlib1g-dev \
              libdnnl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev libxxhash-dev python3-minimal
DEPS_CHECK := bats mandoc libonnx-testdata python3-numpy python3-onnx python3-opencv python3-pil \
              python3-torch python3-torchvision \
              imagemagick libtiff-tools dpkg-dev fakeroot strace
DEPS_LINT  := clang-tidy clang-format cppcheck shellcheck mandoc
DEPS_BENCH := python3-onnx python3-numpy

# $(call install,PACKAGES): what is missing of them, through apt-get where we may, else by name.
define install
	@missing=$$(for p in $1; do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo=sudo; \
	    else echo "missing Debian packages: $$(echo $$missing)"; echo "install them: apt-get install $$(echo $$missing)"; exit 1; fi; \
	    echo "installing $$(echo $$missing)"; \
	    $$sudo apt-get -qq update && DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq -y install --no-install-recommends $$missing >/dev/null; \
	fi
endef

deps:
	$(call install,$(DEPS_BUILD))
deps-check: deps
	$(call install,$(DEPS_CHECK) $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm))
deps-lint: deps
	$(call install,$(DEPS_LINT))
deps-bench: deps-check
	$(call install,$(DEPS_BENCH))

# ONNX Runtime for the tests: two pinned versions, never part of the product.
build/ort/.done: tests/ort/package.json
	@mkdir -p build/ort && cp tests/ort/package.json build/ort/ && cd build/ort && \
	npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts && touch .done

# TensorFlow.js, the same.
build/tfjs/.done: tests/tfjs/package.json
	@mkdir -p build/tfjs && cp tests/tfjs/package.json build/tfjs/ && cd build/tfjs && \
	npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts && touch .done

# ---- demo, tests, benchmarks -----------------------------------------------------------------
demo: deps
	@$(MAKE) -s all
	@sh examples/digits/demo.sh $(CURDIR)/$(B)/bin

check: deps-check
	@$(MAKE) -s all unit build/ort/.done build/tfjs/.done
	@tests/run

# README's accuracy table; IMAGES: a folder of ImageNet samples, METHOD: another range method.
accuracy: deps-check
	@$(MAKE) -s all build/ort/.done
	@PATH=$(CURDIR)/$(B)/bin:$$PATH /usr/bin/python3 tests/table.py $(if $(METHOD),--method $(METHOD)) $(IMAGES)

bench: deps-bench
	@$(MAKE) -s all unit build/ort/.done
	@tests/bench
	@tests/bench_calpack

# One libFuzzer target a reader, TIME seconds each (clang; seeds from the tests' own files).
TIME ?= 60
fuzz:
	$(call install,$(DEPS_BUILD) clang libclang-rt-14-dev)
	@tests/fuzz/run $(TIME)

lint: deps-lint
	@$(MAKE) -s $(PSRC:.c=.h)
	@tests/lint

# ---- installation ----------------------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DATADIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) \
	    $(DESTDIR)$(FISHDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(BINS) $(DESTDIR)$(BINDIR)
	install -m 644 pipeline.mk $(DESTDIR)$(DATADIR)
	cd lib/torch && find tracer -name '*.py' -exec install -Dm 644 {} $(abspath $(DESTDIR)$(DATADIR))/{} \;
	install -m 644 README.md NEWS LICENSE $(DESTDIR)$(DOCDIR)
	for m in $(MAN); do install -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}; done
	for t in $(TOOLS); do \
	    install -m 644 $(B)/completions/dopt.bash $(DESTDIR)$(BASHDIR)/$$t; \
	    grep "^#\|-c $$t " $(B)/completions/dopt.fish >$(DESTDIR)$(FISHDIR)/$$t.fish; \
	done
	install -m 644 $(B)/completions/dopt.zsh $(DESTDIR)$(ZSHDIR)/_dopt

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(DESTDIR)$(DATADIR)/pipeline.mk $(DESTDIR)$(ZSHDIR)/_dopt
	rm -f $(TOOLS:%=$(DESTDIR)$(BASHDIR)/%) $(TOOLS:%=$(DESTDIR)$(FISHDIR)/%.fish)
	rm -f $(foreach m,$(notdir $(MAN)),$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $m))/$m)
	rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(DATADIR)/tracer
	-rmdir $(DESTDIR)$(DATADIR) 2>/dev/null

# A Debian package, build/dopt_VERSION_ARCH.deb.
DEB := $(B)/deb
deb: deps
	$(call install,dpkg-dev fakeroot)
	@rm -rf $(DEB) && mkdir -p $(DEB)/root/DEBIAN $(DEB)/debian
	@$(MAKE) -s install DESTDIR=$(CURDIR)/$(DEB)/root PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions
	@gzip -9n $(DEB)/root/usr/share/man/man*/* && strip $(DEB)/root/usr/bin/*
	@gzip -9nc NEWS >$(DEB)/root/usr/share/doc/dopt/changelog.gz && rm $(DEB)/root/usr/share/doc/dopt/NEWS
	@mv $(DEB)/root/usr/share/doc/dopt/LICENSE $(DEB)/root/usr/share/doc/dopt/copyright
	@echo 'Source: dopt' >$(DEB)/debian/control
	@cd $(DEB) && { printf '%s\n' 'Package: dopt' 'Version: $(VERSION)' "Architecture: $$(dpkg --print-architecture)" \
	    'Maintainer: the dopt authors <dopt@localhost>' 'Section: science' 'Priority: optional' \
	    "Installed-Size: $$(du -sk root/usr | cut -f1)" \
	    "Depends: $$(dpkg-shlibdeps -O root/usr/bin/* 2>/dev/null | sed 's/^shlibs:Depends=//'), make" \
	    'Recommends: python3' 'Description: post-training INT8 quantization as small tools' \
	    ' Quantizes ONNX, TensorFlow and PyTorch models with a few hundred samples, without any' \
	    ' of their frameworks, in a pipe or under make.'; } >root/DEBIAN/control
	@fakeroot dpkg-deb -b $(DEB)/root build/dopt_$(VERSION)_$$(dpkg --print-architecture).deb

dist:
	@mkdir -p build
	git archive --format=tar.gz --prefix=dopt-$(VERSION)/ -o build/dopt-$(VERSION).tar.gz HEAD
	@echo build/dopt-$(VERSION).tar.gz

clean:
	rm -rf build

help:
	@echo "all deps demo check accuracy bench fuzz lint install uninstall deb clean dist; SAN=address,undefined for a sanitizer build"

.PHONY: all unit deps deps-check deps-lint deps-bench demo check accuracy bench fuzz lint install uninstall deb dist clean help
-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
