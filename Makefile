# filteropt: see README.md. The version is written once, in filteropt.control.
EXTENSION  = filteropt
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" filteropt.control)

# Order of the parts of the install script, and of nothing else.
FEATURES = base keyword

MODULE_big = filteropt
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/core/*.c src/base/*.c $(FEATURES:%=src/%/*.c)))
DATA_built = sql/filteropt--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(CURDIR)/src
SHLIB_LINK = -lutf8proc

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
with_llvm = no
include $(PGXS)

sql/filteropt--$(EXTVERSION).sql: $(FEATURES:%=sql/%.sql)
	cat $^ > $@
