# The SMS gateway. `make run` serves it, `make test` proves it; `make help` lists the rest.

VERSION := 0.1.0

# SANITIZE=address (with undefined behaviour) or thread: another build, in a folder of its own.
SANITIZE ?=
OUT := build$(if $(SANITIZE),/$(SANITIZE))
GEN := build/gen

CC ?= cc
# Debian's, which has Debian's modules.
PYTHON := /usr/bin/python3
WARNINGS := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wvla -Wundef -Wpointer-arith \
            -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wconversion -Wno-sign-conversion
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE \
             -ftrivial-auto-var-init=zero
ifeq ($(SANITIZE),)
  OPTIMISE := -O2 -D_FORTIFY_SOURCE=2
else ifeq ($(SANITIZE),address)
  OPTIMISE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SANITIZE),thread)
  OPTIMISE := -O1 -fsanitize=thread -fno-omit-frame-pointer
else
  $(error SANITIZE is address or thread)
endif
CPPFLAGS += -D_GNU_SOURCE -DGATEWAY_VERSION='"$(VERSION)"' -I$(GEN) -MMD -MP
CFLAGS += -std=gnu11 -g $(OPTIMISE) $(HARDENING) $(WARNINGS)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(filter -fsanitize%,$(OPTIMISE))
LDLIBS := -lsqlite3 -lcjson -luuid -lm -lpthread

COMMON := $(wildcard common/*.c common/store/*.c)
API := $(wildcard api-fcgi/*.c)
BROKER := $(wildcard ws-broker/*.c)
PHONE_SIM := $(wildcard tests/phone-sim/*.c)
# The phone itself: no sockets, no files, no clock.
PHONE := $(addprefix tests/phone-sim/,assured.c frame.c id_set.c journal.c modem.c phone.c \
         phone_assured.c radio.c shelf.c sms.c timers.c)
UNIT_TESTS := $(wildcard tests/unit/test_*.c)
SOURCES := $(COMMON) $(API) $(BROKER) $(PHONE_SIM)
C_FILES = $(SOURCES) $(wildcard tests/unit/*.[ch] common/*.h common/store/*.h api-fcgi/*.h \
          ws-broker/*.h tests/phone-sim/*.h)
# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

PROGRAMS := $(addprefix $(OUT)/,api-fcgi ws-broker phone-sim)
TEST_PROGRAMS := $(patsubst tests/unit/%.c,$(OUT)/tests/%,$(UNIT_TESTS))

.PHONY: all programs site run dev test test-programs lint format dependencies test-dependencies \
        lint-dependencies clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: programs site
programs: $(PROGRAMS)
test-programs: $(PROGRAMS) $(TEST_PROGRAMS)

# ---- Programs ----

$(OUT)/api-fcgi: $(call objects,$(API)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lfcgi $(LDLIBS)
$(OUT)/ws-broker: $(call objects,$(BROKER)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lwebsockets $(LDLIBS)
$(OUT)/phone-sim: $(call objects,$(filter-out $(PHONE),$(PHONE_SIM))) $(OUT)/libphone.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lwebsockets $(LDLIBS)

$(filter $(OUT)/tests/test_store%,$(TEST_PROGRAMS)): $(OUT)/obj/tests/unit/store_fixture.o
$(OUT)/tests/%: $(OUT)/obj/tests/unit/%.o $(OUT)/libphone.a $(OUT)/libapi.a $(OUT)/libbroker.a \
                $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LDLIBS)

$(OUT)/libcommon.a: $(call objects,$(COMMON))
$(OUT)/libapi.a: $(call objects,$(filter-out %/main.c,$(API)))
$(OUT)/libbroker.a: $(call objects,$(filter-out %/main.c,$(BROKER)))
$(OUT)/libphone.a: $(call objects,$(PHONE))
$(OUT)/lib%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(OUT)/obj/%.o: %.c | $(GEN)/migrations.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The SQL files, as C texts in their order.
$(GEN)/migrations.h: $(sort $(wildcard common/store/sql/*.sql))
	@mkdir -p $(@D)
	@{ echo 'static const char *const migrations[] = {'; \
	   for file in $^; do sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/    "&\\n"/' $$file; echo '    ,'; done; \
	   echo '};'; } > $@

# ---- The documentation pages, which nginx serves ----

SITE := build/site
SITE_NPM := build/site-npm/installed
LINT_NPM := build/lint-npm/installed
SWAGGER_UI := $(addprefix $(SITE)/docs/,swagger-ui-bundle.js swagger-ui.css favicon-32x32.png)
PAGES := $(addprefix $(SITE)/docs/,index.html docs.css docs.js)

site: $(PAGES) $(SWAGGER_UI) $(SITE)/docs/errors.html $(SITE)/openapi.json

$(SITE_NPM): nginx/site/package.json nginx/site/package-lock.json
$(LINT_NPM): tests/lint/package.json tests/lint/package-lock.json
# Without install scripts: one of them reports to its maker.
$(SITE_NPM) $(LINT_NPM):
	$(call say,NPM,$(@D))
	@mkdir -p $(@D)
	@cp $^ $(@D)
	$(Q)npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
$(SWAGGER_UI): $(SITE)/docs/%: $(SITE_NPM)
	@mkdir -p $(@D)
	@cp build/site-npm/node_modules/swagger-ui-dist/$* $@
$(PAGES): $(SITE)/docs/%: nginx/site/%
	@mkdir -p $(@D)
	@cp $< $@
$(SITE)/docs/errors.html: build/api-fcgi
	@mkdir -p $(@D)
	@build/api-fcgi --print-errors > $@
$(SITE)/openapi.json: api-fcgi/openapi.yaml
	@mkdir -p $(@D)
	$(Q)$(PYTHON) -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < $< > $@

-include $(patsubst %.o,%.d,$(call objects,$(SOURCES) $(wildcard tests/unit/*.c)))

# ---- What people call ----

run: dependencies
	@$(MAKE) --no-print-directory all
	@deploy/run.sh
dev: dependencies
	@deploy/dev.sh
dependencies:
	@deploy/dependencies.sh run

# PYTEST="-k name" runs some, PYTEST=-x stops at the first failure. What failing tests wrote is kept.
PYTEST ?= -q
test: test-dependencies
	@$(MAKE) --no-print-directory all test-programs $(LINT_NPM)
	@$(MAKE) --no-print-directory SANITIZE=address test-programs
	@$(MAKE) --no-print-directory SANITIZE=thread test-programs
	@folder=$$(mktemp -d) && \
	    $(PYTHON) -m pytest -n 4 --basetemp=$$folder/pytest $(PYTEST) tests && rm -r $$folder
test-dependencies:
	@deploy/dependencies.sh test

# What the formatter and the analysers say. Not part of `make test`: they differ between versions.
lint: lint-dependencies $(GEN)/migrations.h
	clang-format --dry-run -Werror $(C_FILES)
	for file in $(SOURCES); do \
	    clang --analyze -Xanalyzer -analyzer-werror -std=gnu11 -D_GNU_SOURCE -I$(GEN) \
	        -DGATEWAY_VERSION='""' -o /dev/null $$file || exit 1; done
	shellcheck deploy/*.sh .ci/run
format: lint-dependencies
	clang-format -i $(C_FILES)
lint-dependencies:
	@deploy/dependencies.sh lint

clean:
	rm -rf build

help:
	@echo 'make run      installs what is missing, builds, and serves http://localhost:8000'
	@echo 'make dev      the same, and builds and starts again when a source file changes'
	@echo 'make test     installs what is missing, and runs every test'
	@echo 'make all      builds the programs and the documentation pages into build/'
	@echo 'make lint     checks the format and runs the static analyser'
	@echo 'make format   formats the C files'
	@echo 'make clean    removes build/'
	@echo 'SANITIZE=address or thread builds into build/address or build/thread; V=1 shows commands.'
