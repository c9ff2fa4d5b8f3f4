# carat: `make help` lists the targets. Variants live side by side: make B=build/x CFLAGS=...   SPDX-License-Identifier: Apache-2.0
CC      ?= cc
CFLAGS  ?= -O2 -g
B       ?= build
PREFIX  ?= /usr/local
CLANG   ?= $(or $(wildcard /usr/bin/clang-14),clang)
Q       := $(if $(V),,@)
export CC CFLAGS B

linux := $(filter Linux,$(shell uname -s))

# Required flags; CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS stay the user's.
CARAT_CFLAGS := -std=c11 -D_GNU_SOURCE -I. -fPIC -fopenmp -fvisibility=hidden -ffp-contract=off \
  -Wall -Wextra -Wpedantic -Wshadow -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wvla
CARAT_LIBS := -lblis -lcjson -lcrypto -lm
TOOL_LIBS  := -ledit -lz -larchive -lsnappy -lzstd -lcurl -lsqlite3 $(if $(linux),-lseccomp) $(CARAT_LIBS)

# ---- sources: every .c of a folder belongs to it; cmd_*.c is the program, the rest the library
folders := $(addprefix runtime/,base tensor format kernel text media model) convert quantize datasets \
  eval eval/suites eval/reports eval/backends
sources := $(sort $(wildcard $(addsuffix /*.c,$(folders))))
foreign := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),,runtime/kernel/avx%) \
           $(if $(filter aarch64%,$(shell $(CC) -dumpmachine 2>/dev/null)),,runtime/kernel/neon%)
library  := $(foreach f,$(filter-out $(foreign),$(sources)),$(if $(filter cmd_%,$(notdir $f)),,$f))
commands := $(filter-out runtime/tool/main.c,$(foreach f,$(sources),$(if $(filter cmd_%,$(notdir $f)),$f)) \
  $(sort $(wildcard runtime/tool/*.c)))
tests    := $(sort $(wildcard tests/unit/test_*.c tests/kernel/test_*.c))
fuzzers  := $(filter-out tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c)))
support  := $(sort $(wildcard tests/support/*.c))

samples  := $(sort $(wildcard datasets/samples/*.jsonl)) # held in the program
python   := $(sort $(wildcard eval/*.py eval/suites/*.py)) # too: it runs in sandboxes

object    = $(patsubst %.c,$(B)/obj/%.o,$1)
test_bins := $(tests:%.c=$(B)/%)
fuzz_bins := $(fuzzers:%.c=$(B)/%)
archive  := $(B)/libcarat.a

.PHONY: all lib
all: lib $(B)/carat ## the library and the program, in build/
lib: $(archive) $(B)/libcarat.so ## libcarat.a and libcarat.so

$(B)/flags: FORCE # objects are built anew when the compiler or its flags change
	$(Q)mkdir -p $(@D); new='$(CC) $(CARAT_CFLAGS) $(CPPFLAGS) $(CFLAGS)'; [ "$$new" = "$$(cat $@ 2>/dev/null)" ] || echo "$$new" > $@
$(B)/obj/%.o: %.c $(B)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CARAT_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(isa) $(strict) -MMD -MP -c $< -o $@
$(B)/samples.c: scripts/embed $(samples)
	$(Q)mkdir -p $(@D); scripts/embed $(samples) > $@
$(B)/python.c: scripts/embed $(python)
	$(Q)mkdir -p $(@D); scripts/embed --text $(python) > $@
$(B)/obj/samples.o $(B)/obj/python.o: $(B)/obj/%.o: $(B)/%.c datasets/sample.h $(B)/flags
	$(Q)mkdir -p $(@D); $(CC) $(CARAT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
$(archive): $(call object,$(library)) $(B)/obj/samples.o $(B)/obj/python.o
	$(Q)mkdir -p $(@D); rm -f $@; $(AR) qcs $@ $^
$(B)/libcarat.so: $(call object,$(filter runtime/%,$(library)))
	$(Q)mkdir -p $(@D); $(CC) -shared -Wl,-soname,libcarat.so.0,-z,defs -fopenmp $(CFLAGS) $(LDFLAGS) $^ $(CARAT_LIBS) $(LDLIBS) -o $@
	$(Q)ln -sf libcarat.so $@.0
$(B)/carat: $(call object,runtime/tool/main.c $(commands)) $(archive)
	$(Q)$(CC) -fopenmp $(CFLAGS) $(LDFLAGS) $^ $(TOOL_LIBS) $(LDLIBS) -o $@
$(test_bins): $(B)/%: $(B)/obj/%.o $(call object,$(support) $(commands)) $(archive)
	$(Q)mkdir -p $(@D); $(CC) -fopenmp $(CFLAGS) $(LDFLAGS) $^ -lcmocka $(TOOL_LIBS) $(LDLIBS) -o $@
$(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(call object,$(support)) $(archive)
	$(Q)mkdir -p $(@D); $(CC) -fopenmp $(CFLAGS) $(LDFLAGS) $^ -lcmocka $(TOOL_LIBS) $(LDLIBS) -o $@
$(fuzz_bins): $(B)/%: $(B)/obj/%.o $(if $(FUZZ),,$(call object,tests/fuzz/replay.c)) $(archive)
	$(Q)mkdir -p $(@D); $(CC) -fopenmp $(CFLAGS) $(FUZZ) $(LDFLAGS) $^ $(TOOL_LIBS) $(LDLIBS) -o $@

# Instruction sets beyond the baseline, on single kernel objects only, and -O3: their short loops must be unrolled for
# sums to stay in registers. Sanitizers need none of that and compile it twice as fast without. Stricter warnings where untrusted bytes are parsed.
kernel := $(B)/obj/runtime/kernel
unroll := $(if $(findstring -fsanitize,$(CFLAGS)),,-O3)
$(kernel)/avx2%.o:      isa := $(unroll) -mavx2 -mfma -mf16c -mbmi2
$(kernel)/avx512%.o:    isa := $(unroll) -mavx2 -mfma -mf16c -mbmi2 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
$(B)/obj/tests/support/sim_%.o: isa := -O2 -mavx2 -mfma -mf16c -mbmi2 -Wno-psabi
$(kernel)/neon%.o:      isa := $(unroll) -march=armv8.2-a+dotprod
$(kernel)/neon_i8mm%.o: isa := $(unroll) -march=armv8.2-a+dotprod+i8mm
$(B)/obj/runtime/tensor/%.o $(B)/obj/runtime/text/%.o: strict := -Wconversion

# ---- tests: each target ends with one line "N passed, N failed, N skipped"
.PHONY: check test tests check-hf asan ubsan tsan arm fuzz
check: ## sets up, builds, runs every test
	$(Q)scripts/setup && $(MAKE) --no-print-directory test
test: tests # T='unit/test_map cli/*' chooses
	$(Q)tests/run $(T)
tests: all $(test_bins) $(fuzz_bins)
check-hf: all ## compares live with transformers and the like, in a Python environment of its own
	$(Q)python=$$(scripts/venv) && "$$python" tests/run --hf $(T)
asan: ## the tests under AddressSanitizer
	$(Q)$(MAKE) --no-print-directory test B=build/asan CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address"
ubsan: ## the tests under UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory test B=build/ubsan CFLAGS="-O1 -g -fsanitize=undefined -fno-sanitize-recover=all"
tsan: ## the tests under ThreadSanitizer (clang and LLVM's libomp, which tells it about OpenMP)
	$(Q)TSAN_OPTIONS=ignore_noninstrumented_modules=1 setarch -R $(MAKE) --no-print-directory test \
	  B=build/tsan CC=$(CLANG) CFLAGS="-O1 -g -fsanitize=thread"
arm: ## unit and kernel tests, cross-built for aarch64, under qemu-user (needs the libraries' :arm64 packages)
	$(Q)$(MAKE) --no-print-directory tests B=build/arm CC=aarch64-linux-gnu-gcc
	$(Q)tests/run --build build/arm --under qemu-aarch64 $(or $(T),'unit/*' 'kernel/*')
fuzz: ## a minute (SECONDS=60) of libFuzzer on each parser; finds are left in build/fuzz
	$(Q)$(MAKE) --no-print-directory $(fuzzers:%.c=build/fuzz/%) B=build/fuzz CC=$(CLANG) FUZZ=-fsanitize=fuzzer \
	  CFLAGS="-O1 -g -fsanitize=address,undefined,fuzzer-no-link"
	$(Q)for t in $(notdir $(fuzz_bins)); do mkdir -p build/fuzz/corpus/$$t; echo "-- $$t"; build/fuzz/tests/fuzz/$$t \
	  -max_total_time=$(or $(SECONDS),60) -rss_limit_mb=4096 -timeout=20 -print_final_stats=0 -verbosity=0 \
	  -artifact_prefix=build/fuzz/$$t- build/fuzz/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done

# ---- the rest
.PHONY: demo bench lint format man install uninstall help clean FORCE
demo: ## sets up, builds, and shows on a small model what carat does
	$(Q)scripts/setup && $(MAKE) --no-print-directory all && scripts/demo
bench: all ## speed beside the machine's own limits (MODEL=DIR; default: the demo's small model)
	$(Q)$(B)/carat bench $(or $(MODEL),datasets/demo/model)
lint: ## layering, budgets, symbols, format, warnings
	$(Q)scripts/setup --lint && $(MAKE) --no-print-directory all && scripts/lint
format: ## clang-format over everything
	$(Q)$(or $(wildcard /usr/bin/clang-format-14),clang-format) -i $$(git ls-files '*.c' '*.h')
man: all ## manual pages, from --help
	$(Q)scripts/man $(B)/carat $(B)/man
install: man ## to DESTDIR and PREFIX
	$(Q)scripts/install $(B) "$(DESTDIR)" "$(PREFIX)"
uninstall: ## removes what install put there
	$(Q)scripts/install --remove "$(DESTDIR)" "$(PREFIX)"
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
clean: ## removes build/
	$(Q)rm -rf build
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
