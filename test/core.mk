# Unit tests and fuzz targets of src/core, under ASan and UBSan and without a
# server: make -f test/core.mk unit|fuzz.  Each test/unit/*.c is a program that
# prints TAP; each test/fuzz/fuzz_*.c defines LLVMFuzzerTestOneInput.  "make
# unit" and "make fuzz" run what this builds.
BUILD ?= build/core
CORE   = $(wildcard src/core/*.c)
# The reference matcher and other help, linked into every test and target.
SUPPORT = $(wildcard test/support/*.c)
LIBS   = -lutf8proc -ldeflate -lm
COMMON = -std=gnu11 -g -O1 -Isrc -Itest -Wall -Wextra -Wno-unused-parameter -Werror \
	-fno-omit-frame-pointer -fno-sanitize-recover=all -MMD -MP

# Two compilers see the same code: gcc builds the tests, clang the fuzz targets.
UNIT_CC    = gcc
UNIT_FLAGS = $(COMMON) -fsanitize=address,undefined
FUZZ_CC    = clang
FUZZ_FLAGS = $(COMMON) -O2 -fsanitize=fuzzer-no-link,address,undefined

UNIT_OBJS = $(patsubst %.c,$(BUILD)/unit-obj/%.o,$(CORE) $(SUPPORT))
FUZZ_OBJS = $(patsubst %.c,$(BUILD)/fuzz-obj/%.o,$(CORE) $(SUPPORT))

unit: $(patsubst test/unit/%.c,$(BUILD)/unit/%,$(wildcard test/unit/*.c))
fuzz: $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))

$(BUILD)/unit-obj/%.o: %.c
	@mkdir -p $(@D)
	$(UNIT_CC) $(UNIT_FLAGS) -c -o $@ $<

$(BUILD)/fuzz-obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -c -o $@ $<

$(BUILD)/unit/%: test/unit/%.c $(UNIT_OBJS)
	@mkdir -p $(@D) $(BUILD)/unit.d
	$(UNIT_CC) $(UNIT_FLAGS) -MF $(BUILD)/unit.d/$*.d -o $@ $< $(UNIT_OBJS) $(LIBS)

$(BUILD)/fuzz/%: test/fuzz/%.c $(FUZZ_OBJS)
	@mkdir -p $(@D) $(BUILD)/fuzz.d
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -MF $(BUILD)/fuzz.d/$*.d -o $@ $< $(FUZZ_OBJS) $(LIBS)

.PHONY: unit fuzz
.SECONDARY:
-include $(UNIT_OBJS:.o=.d) $(FUZZ_OBJS:.o=.d) $(wildcard $(BUILD)/*.d/*.d)
