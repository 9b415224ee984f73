# filteropt: see README.md. "make help" lists the targets.
EXTENSION  = filteropt

# The version is written once, in filteropt.control.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" filteropt.control)

# The features: a directory of src/ each, and a part of the install script
# each, concatenated in this order.
FEATURES = base keyword rollup cache api feed advisor

# A long part goes on in sql/<feature>_<what>.sql.
PARTS = $(foreach f,$(FEATURES),sql/$(f).sql $(sort $(wildcard sql/$(f)_*.sql)))

# What "make" is asked for besides building: each is a script that works on a
# copy of the tree, installs what it misses and never touches a cluster that
# exists.  pgxs.mk has a "check" of its own that says only "not supported", so
# it is not read when one of these is asked for.
HOUSE = help deps check check-assert check-valgrind coverage demo bench unit fuzz lint format dist

ifneq ($(filter $(HOUSE),$(or $(MAKECMDGOALS),all)),)

# Settings given on the command line reach the scripts by the environment.
export PG_CONFIG BENCH BENCH_QUICK FUZZ_SECONDS SUITES TESTS RULES ASSERT_PG_CONFIG
.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:

help:
	@sed -n '/^## /s///p' Makefile

$(filter-out help,$(HOUSE)):
	@scripts/$@

# The other goals of a mixed command, such as "make clean check".
$(filter-out $(HOUSE),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

MODULE_big = filteropt
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/core/*.c \
	$(FEATURES:%=src/%/*.c))))
DATA = $(wildcard sql/filteropt--*--*.sql)
DATA_built = sql/filteropt--$(EXTVERSION).sql

# -MMD -MP: pgxs.mk tracks no header when the server was not built to.  gcc's
# -Wclobbered suspects the server's own PG_TRY.
PG_CPPFLAGS = -I$(CURDIR)/src -DFO_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wextra -Wno-unused-parameter -MMD -MP $(if $(WERROR),-Werror) \
	$(if $(findstring clang,$(CC)),,-Wno-clobbered) $(EXTRA_CFLAGS)
SHLIB_LINK = $(if $(HIREDIS_TLS),-lhiredis_ssl -lssl -lcrypto) -lutf8proc -lhiredis -ldeflate

# cache_redis_tls.c asks for the same headers.
HIREDIS_TLS := $(shell printf '\043include <%s>\n' stddef.h hiredis/hiredis_ssl.h openssl/ssl.h | \
	$(CC) $(CPPFLAGS) $(EXTRA_CFLAGS) -E -x c - >/dev/null 2>&1 && echo yes)

# Bitcode would serve only to inline our functions into JIT code, and costs
# a build dependency on the very clang that the server was built with.
override with_llvm = no

# "make installcheck": the extension is installed, a server runs (the PG*
# environment variables say where), and pg_prove finds PG_CONFIG's programs.
# pg_regress looks for inputs in ./sql, which holds the parts of the install
# script, before test/sql: no test may be named like a part.
REGRESS = $(or $(TESTS),$(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test --outputdir=. --load-extension=filteropt --encoding=UTF8
ISOLATION = $(or $(TESTS),$(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=filteropt --encoding=UTF8
NO_INSTALLCHECK = 1

EXTRA_CLEAN = $(OBJS:.o=.d) .buildflags .deps build stage results output_iso \
	tmp_check log regression.diffs regression.out

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
PGHEADERS := $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
ifeq ($(and $(wildcard $(PGXS)),$(wildcard $(PGHEADERS)/postgres.h)),)
$(error no PostgreSQL server headers: "$(PG_CONFIG)" names a server without \
pgxs.mk or postgres.h. Run "make deps", or set PG_CONFIG)
endif
include $(PGXS)

# Objects of another server, other flags or another version are built anew.
BUILDFLAGS := $(strip $(subst ',,$(subst ",,$(VERSION) $(CC) $(CFLAGS) $(CPPFLAGS))))
ifneq ($(strip $(shell cat .buildflags 2>/dev/null)),$(BUILDFLAGS))
$(shell echo '$(BUILDFLAGS)' > .buildflags)
endif
$(OBJS): .buildflags

sql/filteropt--$(EXTVERSION).sql: $(PARTS) Makefile filteropt.control
	cat $(PARTS) > $@

.PHONY: installcheck installcheck-sql installcheck-isolation installcheck-tap
installcheck:
	$(MAKE) installcheck-sql
	$(MAKE) installcheck-isolation
	$(MAKE) installcheck-tap

installcheck-sql:
	$(if $(REGRESS),$(pg_regress_installcheck) $(REGRESS_OPTS) $(REGRESS))

installcheck-isolation:
	$(if $(ISOLATION),$(pg_isolation_regress_installcheck) $(ISOLATION_OPTS) $(ISOLATION))

# TAP tests make clusters of their own, with PG_CONFIG's programs.
installcheck-tap: PROVE_TESTS ?= $(sort $(wildcard test/t/*.pl))
installcheck-tap: PG_PROVE_FLAGS += -I test/t
installcheck-tap:
	$(if $(filter 0,$(shell id -u)),$(error TAP tests make clusters, \
	which root cannot: run them as another user, or "make check"))
	$(if $(PROVE_TESTS),$(prove_installcheck))

-include $(OBJS:.o=.d)

endif

## make                       build the extension for PG_CONFIG's server
## make install               install it there (DESTDIR= is honoured)
## make installcheck          test an installed extension in a running server
## make deps                  install the Debian packages that are missing
## make check                 everything tested, in a private cluster
##                            (SUITES="unit sql isolation tap", TESTS="a b")
## make check-assert          the same against a server with assertions
## make check-valgrind        its SQL and isolation tests under valgrind
## make coverage              what of the sources the suite reaches
## make unit                  tests of src/core under ASan and UBSan
## make fuzz FUZZ_SECONDS=60  fuzz targets of src/core, so long each
## make bench [BENCH=name]    benchmarks beside peers and floors
## make demo                  a feed filtered, shown in the terminal
## make lint                  include rules, symbols, warnings, style
##                            (RULES="sources layout")
## make format                lay the sources out as "make lint" wants them
## make dist                  a source archive for PGXN
## make clean                 remove what was built
