# The SMS gateway. `make run` serves it, `make test` proves it; `make help` lists the rest.

VERSION := 0.1.0

# SANITIZE=address (with undefined behaviour) or thread: another build, in a folder of its own.
# SANITIZE=fuzz is `make fuzz`'s, by clang.
SANITIZE ?=
# FAIL_POINTS=1: another build too, with the places where the fault tests end a process.
FAIL_POINTS ?=
# Where the programs look for their settings by default.
SETTINGS_FILE ?= .env
PLAIN := build$(if $(SANITIZE),/$(SANITIZE))
OUT := $(PLAIN)$(if $(FAIL_POINTS),/faults)
GEN := build/gen

CC ?= cc
# Debian's, which has Debian's modules.
PYTHON := /usr/bin/python3
WARNINGS := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wvla -Wundef -Wpointer-arith \
            -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wconversion -Wno-sign-conversion
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE \
             -ftrivial-auto-var-init=zero
ifeq ($(SANITIZE),)
  OPTIMISE := -O2 -D_FORTIFY_SOURCE=3
else ifeq ($(SANITIZE),address)
  OPTIMISE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(SANITIZE),thread)
  OPTIMISE := -O1 -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(SANITIZE),fuzz)
  CC := clang
  OPTIMISE := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all \
              -fno-omit-frame-pointer
  HARDENING := -fPIE
  WARNINGS += -Wno-format-nonliteral # clang's is stricter than gcc's
else
  $(error SANITIZE is address, thread or fuzz)
endif
CPPFLAGS += -D_GNU_SOURCE \
            -DGATEWAY_VERSION='"$(VERSION)"' -I. -I$(GEN) -MMD -MP
# Tests with sanitizers are built for one run: line numbers are enough.
CFLAGS += -std=gnu11 $(if $(SANITIZE),-g1,-g) $(OPTIMISE) $(HARDENING) $(WARNINGS)
comma := ,
# The programs export what store-postgresql.so needs of them.
EXPORTS := common/store/postgresql/exports.list
LDFLAGS += -pie -Wl,--dynamic-list=$(EXPORTS) -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(filter -fsanitize%,$(OPTIMISE))
LDLIBS := -lsqlite3 -lcjson -luuid -lcrypto -lm -lpthread

# PostgreSQL is in a shared object of its own, which a program loads when its DATABASE_URL says so.
POSTGRESQL := $(wildcard common/store/postgresql/*.c common/store/sql/*.c)
COMMON := $(filter-out common/store/postgresql/%,$(wildcard common/*/*.c common/*/*/*.c))
API := $(filter-out api-fcgi/webhook/%,$(wildcard api-fcgi/*.c api-fcgi/*/*.c))
WEBHOOK := $(wildcard api-fcgi/webhook/*.c api-fcgi/webhook/*/*.c)
BROKER := $(wildcard ws-broker/*.c ws-broker/*/*.c)
CLI := $(wildcard deploy/cli/*.c)
PHONE_SIM := $(wildcard tests/phone-sim/*.c)
# The phone itself: no sockets, no files, no clock.
PHONE := $(addprefix tests/phone-sim/,assured.c frame.c id_set.c inbox.c journal.c modem.c phone.c \
         phone_assured.c phone_inbox.c radio.c delay_queue.c sms.c timers.c)
SIMULATION := $(wildcard tests/simulation/*.c)
BENCH_LOAD := $(wildcard tests/bench/load/*.c)
UNIT_TESTS := $(wildcard tests/unit/test_*.c tests/store/*/test_*.c)
# Those of code that several threads share run under ThreadSanitizer too; tests/test_unit.py reads this line.
UNIT_TESTS_OF_THREADS := store_messages store_devices store_lists store_batches store_transitions memory_stores \
                         sqlite_open sqlite_locks sqlite_wal doorbell message_id webhook_target \
                         postgresql_bell postgresql_writers
FUZZ_TARGETS := $(wildcard tests/fuzz/fuzz_*.c)
# Of both databases: each a migration, in order.
SCHEMA := $(sort $(wildcard common/store/sqlite/sql/*.sql common/store/sqlite/sql/down/*.sql))
POSTGRESQL_SCHEMA := $(sort $(wildcard common/store/postgresql/sql/*.sql))
SOURCES := $(COMMON) $(API) $(WEBHOOK) $(BROKER) $(CLI) $(PHONE_SIM) $(SIMULATION)
C_FILES = $(SOURCES) $(wildcard tests/unit/*.[ch] tests/store/*.[ch] tests/store/*/*.[ch] tests/fuzz/*.[ch] common/*/*.h common/*/*/*.h \
          api-fcgi/*.h api-fcgi/*/*.h api-fcgi/*/*/*.h ws-broker/*/*.h deploy/cli/*.h tests/phone-sim/*.h tests/simulation/*.h \
          tests/torture/preload/*.c tests/bench/*.c tests/bench/*/*.[ch])
# Removes settings of the caller's shell, as deploy/shell.sh does. (With PYTHONOPTIMIZE, Python would skip asserts.)
unexport CDPATH ENV BASH_ENV POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS PYTHONPATH PYTHONHOME PYTHONOPTIMIZE PYTHONSTARTUP
export LC_ALL := C.UTF-8
# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

# With fail points only the files that have some are others.
FAIL_POINT_FILES := $(if $(FAIL_POINTS),$(shell grep -l '"common/base/fail_point.h"' $(SOURCES)))
objects = $(patsubst %.c,$(PLAIN)/obj/%.o,$(filter-out $(FAIL_POINT_FILES),$(1))) \
          $(patsubst %.c,$(OUT)/obj/%.o,$(filter $(FAIL_POINT_FILES),$(1)))

PROGRAMS := $(addprefix $(OUT)/,api-fcgi ws-broker webhook-sender sms-gateway phone-sim)
POSTGRESQL_BACKEND := $(OUT)/store-postgresql.so
TEST_PROGRAMS := $(addprefix $(OUT)/tests/,$(if $(filter thread,$(SANITIZE)), \
                     $(UNIT_TESTS_OF_THREADS:%=test_%),$(notdir $(UNIT_TESTS:.c=)))) \
                 $(if $(filter thread,$(SANITIZE)),,$(OUT)/simulation)
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(OUT)/tests/%,$(FUZZ_TARGETS))
BENCH_PROGRAMS := $(addprefix build/bench/,bench-load bench-constant bench-echo bench-rows bench-libpq bench-store bench-fanout bench-receiver \
                  bench-curl bench-fill)
# What tests preload into the programs of the release build.
PRELOADS := $(patsubst tests/torture/preload/%.c,build/tests/%.so,$(wildcard tests/torture/preload/*.c))

.PHONY: all programs postgresql site manuals run dev lan-certificate deb test test-programs compiled-tests test-deploy gson torture \
        preloads mutations simulate model fuzz fuzz-programs bench bench-quick bench-programs check-source lint format clean help \
        dependencies deb-dependencies test-dependencies deploy-dependencies fuzz-dependencies gson-dependencies \
        bench-dependencies lint-dependencies
.DELETE_ON_ERROR:
.SECONDARY:

all: programs site manuals
	@: # so make does not say that there is nothing to do
programs: $(PROGRAMS)
postgresql: $(POSTGRESQL_BACKEND)
test-programs: $(PROGRAMS) $(POSTGRESQL_BACKEND) $(TEST_PROGRAMS) $(if $(filter address,$(SANITIZE)),$(FUZZ_PROGRAMS))
fuzz-programs: $(FUZZ_PROGRAMS)
bench-programs: $(BENCH_PROGRAMS) build/bench/slow-sync.so
preloads: $(PRELOADS)

# ---- Programs ----

$(PROGRAMS) $(TEST_PROGRAMS) $(FUZZ_PROGRAMS) $(BENCH_PROGRAMS): $(EXPORTS)
# Where a file is removed, no other is newer: the list of them is.
LIBRARIES := $(addprefix $(OUT)/lib,$(addsuffix .a,common api webhook broker phone))
$(PROGRAMS) $(POSTGRESQL_BACKEND) $(OUT)/simulation $(LIBRARIES): $(GEN)/files.list

$(OUT)/api-fcgi: $(call objects,$(API)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lfcgi -lqrencode $(LDLIBS)
$(OUT)/ws-broker: $(call objects,$(BROKER)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lwebsockets -luv $(LDLIBS)
$(OUT)/webhook-sender: $(call objects,$(WEBHOOK)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lcurl $(LDLIBS)
$(OUT)/sms-gateway: $(call objects,$(CLI)) $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lqrencode $(LDLIBS)
$(OUT)/phone-sim: $(call objects,$(filter-out $(PHONE),$(PHONE_SIM))) $(OUT)/libphone.a $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lwebsockets -lcurl $(LDLIBS)

# The core alone: no socket, no database.
$(OUT)/simulation: $(call objects,$(SIMULATION) api-fcgi/smsgate/mobile_report.c) $(OUT)/libbroker.a $(OUT)/libcommon.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

# The unit tests, and those of the store's backends, each a program of its own: so many that the quicker linker counts, and that
# their own code is hardly optimised.
$(PLAIN)/obj/tests/unit/%.o $(PLAIN)/obj/tests/store/%.o: OPTIMISE += $(if $(SANITIZE),-O0,-O1)
TEST_LDFLAGS := $(LDFLAGS) $(if $(filter fuzz,$(SANITIZE)),,$(if $(shell command -v ld.gold),-fuse-ld=gold))
$(filter %/test_slow_reads %/test_known_targets,$(TEST_PROGRAMS)): $(OUT)/obj/tests/store/store_fixture.o $(OUT)/obj/tests/store/postgresql_fixture.o
$(filter $(OUT)/tests/test_broker%,$(TEST_PROGRAMS)): $(OUT)/obj/tests/unit/broker_fixture.o
define unit-test
$(patsubst $(1)/%.c,$(OUT)/tests/%,$(filter $(1)/%,$(UNIT_TESTS))): $(OUT)/tests/%: $(OUT)/obj/$(1)/%.o $(2) $(OUT)/libphone.a $(OUT)/libapi.a $(OUT)/libwebhook.a $(OUT)/libbroker.a $(OUT)/libcommon.a
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(TEST_LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) -lcmocka -lcurl -lpq $$(LDLIBS)
endef
$(eval $(call unit-test,tests/unit))
STORE_FIXTURE := $(OUT)/obj/tests/store/store_fixture.o $(OUT)/obj/tests/store/postgresql_fixture.o
$(STORE_FIXTURE): CPPFLAGS += -I/usr/include/postgresql
$(eval $(call unit-test,tests/store/conformance,$(STORE_FIXTURE)))
$(eval $(call unit-test,tests/store/sqlite,$(STORE_FIXTURE)))
$(eval $(call unit-test,tests/store/memory))
$(OUT)/obj/tests/store/postgresql/%.o: CPPFLAGS += -I/usr/include/postgresql
$(eval $(call unit-test,tests/store/postgresql,$(STORE_FIXTURE) $(OUT)/obj/tests/store/postgresql/proxy.o))
# Its own copy of what store-postgresql.so has inside.
$(filter %/test_postgresql_schema,$(TEST_PROGRAMS)): $(addprefix $(OUT)/postgresql/common/store/postgresql/,server_schema.o connection.o servers.o timeline.o)
$(filter %/test_postgresql_partitions,$(TEST_PROGRAMS)): $(addprefix $(OUT)/postgresql/common/store/postgresql/,partitions.o session_setup.o connection.o servers.o timeline.o)
$(filter %/test_postgresql_open,$(TEST_PROGRAMS)): $(addprefix $(OUT)/postgresql/common/store/postgresql/,session_setup.o connection.o servers.o timeline.o)
$(filter %/test_postgresql_timeline,$(TEST_PROGRAMS)): $(OUT)/postgresql/common/store/postgresql/timeline.o
$(filter %/test_postgresql_seq_places,$(TEST_PROGRAMS)): $(OUT)/postgresql/common/store/postgresql/seq_places.o

# A fuzz target is libFuzzer's, or reads the files it is given. The broker's has companions.
$(OUT)/tests/fuzz_broker: $(call objects,$(wildcard tests/fuzz/broker_*.c) \
                          tests/simulation/world_store.c tests/simulation/store_mutations.c)
FUZZ_MAIN := $(if $(filter fuzz,$(SANITIZE)),-fsanitize=fuzzer,$(OUT)/obj/tests/fuzz/replay.o)
$(OUT)/tests/fuzz_%: $(OUT)/obj/tests/fuzz/fuzz_%.o $(filter %.o,$(FUZZ_MAIN)) $(OUT)/libapi.a \
                     $(OUT)/libbroker.a $(OUT)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(TEST_LDFLAGS) -o $@ $(filter %.o,$^) $(filter -%,$(FUZZ_MAIN)) $(filter %.a,$^) -lfcgi \
	    -lqrencode $(LDLIBS)

# The load generator, the ceilings it is held against, and what makes large databases.
build/bench/bench-load: $(call objects,$(BENCH_LOAD))
build/bench/bench-constant: $(OUT)/obj/tests/bench/ceilings/constant.o
build/bench/bench-echo: $(OUT)/obj/tests/bench/ceilings/echo.o
build/bench/bench-rows: $(OUT)/obj/tests/bench/ceilings/rows.o $(OUT)/libcommon.a
build/bench/bench-libpq: $(OUT)/obj/tests/bench/ceilings/libpq.o $(OUT)/postgresql/common/store/postgresql/value.o $(OUT)/libcommon.a
$(OUT)/obj/tests/bench/ceilings/libpq.o: CPPFLAGS += -I/usr/include/postgresql
build/bench/bench-store: $(OUT)/obj/tests/bench/store.o $(OUT)/libcommon.a
build/bench/bench-fanout: $(OUT)/obj/tests/bench/ceilings/fanout.o
build/bench/bench-receiver: $(OUT)/obj/tests/bench/ceilings/receiver.o
build/bench/bench-curl: $(OUT)/obj/tests/bench/ceilings/curl.o
build/bench/bench-fill: $(OUT)/obj/tests/bench/fill.o $(OUT)/libcommon.a
$(BENCH_PROGRAMS):
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lfcgi -lwebsockets -lcurl -lpq $(LDLIBS)

$(PRELOADS): build/tests/%.so: tests/torture/preload/%.c
build/bench/slow-sync.so: tests/bench/slow_sync.c
$(PRELOADS) build/bench/slow-sync.so:
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -g -O2 -fPIC $(WARNINGS) -shared -o $@ $< -ldl

# What it needs of the programs they export; it has its own of what both backends are compiled from.
$(OUT)/store-postgresql.so: $(patsubst %.c,$(OUT)/postgresql/%.o,$(POSTGRESQL))
	$(call say,LINK,$@)
	$(Q)$(CC) $(filter-out -pie -Wl$(comma)--dynamic-list%,$(LDFLAGS)) -shared -o $@ $(filter %.o,$^) -lpq
$(OUT)/postgresql/%.o: %.c | $(GEN)/migrations-postgresql.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(if $(FAIL_POINTS),-DFAIL_POINTS) -DSTORE_POSTGRESQL -I/usr/include/postgresql $(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS)) \
	    -fPIC -fvisibility=hidden -c -o $@ $<
$(GEN)/migrations-postgresql.h: $(POSTGRESQL_SCHEMA) $(GEN)/files.list
	@mkdir -p $(@D)
	@{ echo 'static const char *const migrations[] = {'; for file in $(POSTGRESQL_SCHEMA); do $(SQL_TEXT) $$file; echo '    ,'; done; echo '};'; } > $@

$(OUT)/libcommon.a: $(call objects,$(COMMON))
$(OUT)/libapi.a: $(call objects,$(filter-out %/main.c,$(API)))
$(OUT)/libwebhook.a: $(call objects,$(filter-out %/main.c,$(WEBHOOK)))
$(OUT)/libbroker.a: $(call objects,$(filter-out %/main.c,$(BROKER)))
$(OUT)/libphone.a: $(call objects,$(PHONE))
$(OUT)/lib%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)

define compile
$(1)/obj/%.o: %.c | $(GEN)/migrations.h $(GEN)/settings_file.h
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$$(CC) $(2) $$(CPPFLAGS) $$(CFLAGS) -c -o $$@ $$<
endef
$(eval $(call compile,$(PLAIN)))
$(if $(FAIL_POINTS),$(eval $(call compile,$(OUT),-DFAIL_POINTS)))

# The migrations as C strings, in order; and those that lead back, by the version that they leave.
SQL_TEXT := sed 's/\\/\\\\/g; s/"/\\"/g; s/.*/    "&\\n"/'
$(GEN)/migrations.h: $(SCHEMA) $(GEN)/files.list
	@mkdir -p $(@D)
	@{ echo 'static const char *const migrations[] = {'; \
	   for file in $(filter-out common/store/sqlite/sql/down/%,$(SCHEMA)); do $(SQL_TEXT) $$file; echo '    ,'; done; \
	   echo '};'; echo 'static const char *const ways_back[ARRAY_LENGTH(migrations) + 1] = {'; \
	   for file in $(filter common/store/sqlite/sql/down/%,$(SCHEMA)); do \
	       echo "    [$$(basename $$file | sed 's/^0*//; s/_.*//')] ="; $(SQL_TEXT) $$file; echo '    ,'; done; \
	   echo '};'; } > $@

# The newest schema version, for the scripts of an upgrade.
$(GEN)/schema-version: $(GEN)/migrations.h
	@ls common/store/sqlite/sql/*.sql | wc -l >$@

# Written only when their text changes.
$(GEN)/settings_file.h: FORCE
	@mkdir -p $(@D)
	@echo '#define SETTINGS_FILE "$(SETTINGS_FILE)"' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(GEN)/files.list: FORCE
	@mkdir -p $(@D)
	@echo $(sort $(SOURCES) $(POSTGRESQL) $(SCHEMA) $(POSTGRESQL_SCHEMA)) > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# ---- The dashboard and the documentation pages, which nginx serves ----

SITE := build/site
SITE_NPM := build/site-npm/installed
DASHBOARD_NPM := build/dashboard-npm/installed
LINT_NPM := build/lint-npm/installed
DASHBOARD := $(shell find nginx/dashboard -name node_modules -prune -o -type f -print)
SWAGGER_UI := $(addprefix $(SITE)/docs/,swagger-ui-bundle.js swagger-ui.css)

site: $(SITE)/index.html $(SITE)/docs/index.html $(SWAGGER_UI) $(SITE)/openapi.json

# npm itself is needed only to change a lock file.
$(SITE_NPM): nginx/site/package-lock.json
$(DASHBOARD_NPM): nginx/dashboard/package-lock.json
$(LINT_NPM): tests/lint/package-lock.json
$(SITE_NPM) $(DASHBOARD_NPM) $(LINT_NPM):
	$(call say,FETCH,$(@D))
	$(Q)deploy/fetch-npm.py $< $(@D)
	@touch $@
$(SITE)/index.html: nginx/bundle.py $(DASHBOARD) $(DASHBOARD_NPM)
	$(call say,BUNDLE,$@)
	@mkdir -p $(@D)
	$(Q)nginx/bundle.py nginx/dashboard build/dashboard-npm/node_modules $(SITE)
$(SWAGGER_UI): $(SITE)/docs/%: $(SITE_NPM)
	@mkdir -p $(@D)
	@cp build/site-npm/node_modules/swagger-ui-dist/$* $@
# The API reference, and a page for each guide.
$(SITE)/docs/index.html: nginx/pages.py $(wildcard nginx/site/page.html nginx/site/docs.* */*.md deploy/*/*.md) nginx/dashboard/icon.svg
	$(call say,PAGES,$(@D))
	@mkdir -p $(@D)
	@cp nginx/site/docs.* nginx/dashboard/icon.svg $(@D)
	$(Q)nginx/pages.py $(@D)
$(SITE)/openapi.json: api-fcgi/openapi.yaml
	@mkdir -p $(@D)
	$(Q)$(PYTHON) -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, indent=2)' < $< > $@

# ---- The manual pages and the completion, out of the programs' own tables ----

MANUALS := $(addprefix build/man/,sms-gateway.8 api-fcgi.8 ws-broker.8 webhook-sender.8 sms-gateway.env.5)
COMPLETION := build/completion/sms-gateway

manuals: $(MANUALS) $(COMPLETION)

build/man/%.8: build/%
	@mkdir -p $(@D)
	@$< --print-man > $@
build/man/sms-gateway.env.5: build/api-fcgi
	@mkdir -p $(@D)
	@$< --print-settings=man > $@
$(COMPLETION): build/sms-gateway
	@mkdir -p $(@D)
	@$< --print-completion > $@

-include $(patsubst %.c,$(OUT)/postgresql/%.d,$(POSTGRESQL))
-include $(patsubst %.o,%.d,$(call objects,$(SOURCES) $(wildcard tests/unit/*.c tests/store/*.c tests/store/*/*.c tests/fuzz/*.c tests/bench/*.c tests/bench/*/*.c)))

# ---- What people call ----

# As many compilers as processors, unless `make -j` says how many.
JOBS = --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

run: dependencies
	@$(MAKE) $(JOBS) all
	@deploy/run.sh
dev: dependencies
	@deploy/dev.sh
# NAMES="sms.lan 192.168.1.5": more names and addresses for the certificate, besides those of this machine.
NAMES ?=
lan-certificate: dependencies
	@deploy/lan-certificate.sh $(NAMES)
dependencies:
	@deploy/dependencies.sh run

# The Debian package, into build/deb.
deb: deb-dependencies site
	@deploy/deb.sh $(VERSION)
deb-dependencies:
	@deploy/dependencies.sh deb

# PYTEST="-k name" runs some, PYTEST=-x stops at the first failure. What failing tests wrote is kept.
PYTEST ?= -q
# Four for each of two processors: most tests wait for something.
TEST_WORKERS ?= 8
# exec: a shell between would end at SIGTERM and leave the tests running.
run_tests = exec $(PYTHON) tests/run_tests.py $(PYTEST) $(1)
test: test-dependencies
	@$(MAKE) $(JOBS) all test-programs bench-programs preloads compiled-tests $(LINT_NPM)
	@$(MAKE) $(JOBS) SANITIZE=address test-programs
	@$(MAKE) $(JOBS) SANITIZE=thread test-programs
	@$(MAKE) $(JOBS) FAIL_POINTS=1 programs
	@$(call run_tests,-n $(TEST_WORKERS) --dist loadgroup tests)
# The faults alone, and the random kills for TORTURE_SECONDS; TORTURE_SEED repeats their choice.
TORTURE_SECONDS ?= 3600
torture: test-dependencies
	@$(MAKE) $(JOBS) all preloads
	@$(MAKE) $(JOBS) SANITIZE=address programs
	@$(MAKE) $(JOBS) SANITIZE=thread programs
	@$(MAKE) $(JOBS) FAIL_POINTS=1 programs
	@TORTURE_LONG=1 TORTURE_SECONDS=$(TORTURE_SECONDS) && export TORTURE_LONG TORTURE_SECONDS && \
	    $(call run_tests,-n $(TEST_WORKERS) --dist loadgroup tests/torture)
test-dependencies:
	@deploy/dependencies.sh test
# Each worker of pytest imports all tests; compiling them takes longer than that.
compiled-tests:
	@$(PYTHON) tests/run_tests.py --collect-only -q -q tests >/dev/null 2>&1 || :
# Reads the answers to SMSGate's app by the JSON library that the app has; `make test` reads them by its rules alone, because Java is large.
gson: gson-dependencies
	@$(MAKE) $(JOBS) all
	@mkdir -p build/gson
	$(Q)javac -Xlint -Werror -d build/gson -cp /usr/share/java/gson.jar tests/gson/ReadAsTheApp.java
	@GSON_CLASSES=$(CURDIR)/build/gson TEST_BUILDS=release && export GSON_CLASSES TEST_BUILDS && \
	    $(call run_tests,-k "as_the_app_reads_it or a_cancelled_message" tests/integration/test_smsgate_mobile.py \
        tests/integration/test_smsgate_phone.py)
gson-dependencies:
	@deploy/dependencies.sh gson
# Installs, upgrades, restores and removes a gateway by the scripts of deploy/, on a fresh Debian 12: twenty minutes, as root.
test-deploy: deploy-dependencies
	@$(MAKE) $(JOBS) all
	@$(call run_tests,-x tests/deploy)
deploy-dependencies:
	@deploy/dependencies.sh deploy

# Breaks each rule of tests/mutations/table.py and demands that its tests notice; MUTATION="name name"
# takes some. A quarter of an hour.
MUTATION ?=
mutations: test-dependencies
	@$(MAKE) $(JOBS) all test-programs
	@$(PYTHON) tests/mutations/run.py $(MUTATION)

# Seeds from FIRST on; `make test` uses others.
SEEDS ?= 1000000
FIRST ?= 1000000
simulate: $(OUT)/simulation
	@$< --first $(FIRST) --seeds $(SEEDS) --jobs $$(nproc)
	@$< --two-brokers --first $(FIRST) --seeds $(SEEDS) --jobs $$(nproc)

# The protocol's model with two faults; `make test` searches it with one.
FAULTS ?= 2
model: test-dependencies
	@$(PYTHON) tests/model/search.py $(FAULTS)
	@$(PYTHON) tests/model/search.py polled.pml $(FAULTS)
	@$(PYTHON) tests/model/search.py brokers.pml $(FAULTS)

# Runs every target of tests/fuzz for FUZZ_SECONDS; new inputs that it finds are added to tests/fuzz/corpus.
# FUZZ_TARGET="json broker" takes some.
FUZZ_SECONDS ?= 60
FUZZ_TARGET ?=
fuzz: fuzz-dependencies
	@$(MAKE) $(JOBS) SANITIZE=fuzz fuzz-programs
	@$(PYTHON) tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ_TARGET)
fuzz-dependencies:
	@deploy/dependencies.sh fuzz

# Measures the gateway on this machine, and the best that the machine could do; results and plots go to build/bench.
# BENCH="posts reads" measures some.
BENCH ?=
bench: bench-dependencies
	@$(MAKE) $(JOBS) all postgresql bench-programs
	@$(PYTHON) tests/bench/run.py $(BENCH)
bench-quick: bench-dependencies
	@$(MAKE) $(JOBS) all postgresql bench-programs
	@$(PYTHON) tests/bench/run.py --quick $(BENCH)
bench-dependencies:
	@deploy/dependencies.sh bench

# The rules of the tree: include direction, one place for each library, sizes, circles, retired words.
check-source: $(GEN)/migrations.h $(GEN)/settings_file.h
	@$(PYTHON) tests/check_source.py
# What the formatter and the analysers say. Not part of `make test`: they differ between versions. What clang finds is to be read, and
# fails nothing: it takes two entries of a list for the same one.
lint: lint-dependencies check-source
	clang-format --dry-run -Werror $(C_FILES)
	for file in $(SOURCES); do \
	    clang --analyze -std=gnu11 -D_GNU_SOURCE -I. -I$(GEN) \
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
	@echo 'make lan-certificate  makes a certificate for a network without public names (deploy/TLS.md)'
	@echo 'make test     installs what is missing, and runs every test'
	@echo 'make test-deploy  installs, upgrades, restores and removes a gateway on a Debian of its own (as root)'
	@echo 'make mutations  breaks each of the rules in tests/README.md on purpose; a test must notice'
	@echo 'make simulate runs the broker core in SEEDS=1000000 simulated worlds of one broker, and of two (minutes)'
	@echo 'make model    searches the model of the device protocol, with two faults at any instants'
	@echo 'make torture  an hour of faults and kill -9 under load (TORTURE_SECONDS=3600)'
	@echo 'make all      builds the programs, their manuals and the documentation pages into build/'
	@echo 'make postgresql  builds what programs load when their database is PostgreSQL (needs libpq-dev)'
	@echo 'make deb      builds the Debian packages into build/deb/, which deploy/install.sh installs'
	@echo 'make fuzz     feeds the parsers and the broker core random input; FUZZ_SECONDS=60 for each'
	@echo 'make bench    measures this machine for an hour; make bench-quick for two minutes'
	@echo 'make lint     checks the format, the rules of the source tree, and runs the static analyser'
	@echo 'make format   formats the C files'
	@echo 'make clean    removes build/'
	@echo 'SANITIZE=address or thread builds into build/address or build/thread; V=1 shows commands.'
