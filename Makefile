# threads-oauth: `make help` lists what can be made. Settings are at the top; `make V=1` shows commands.

# The newest release of the changelog.
VERSION  := $(shell sed -n 's/^\#\# \([0-9].*\)/\1/p' CHANGELOG.md | head -1)
CXX      ?= g++
CXXFLAGS ?= -O2 -g
WERROR   ?= -Werror
BUILD    ?= build
PORT     ?= 8080
PREFIX   ?= /usr/local
FUZZ_SECONDS ?= 60
# For `make SANITIZE=address,undefined BUILD=build/asan …`.
SANITIZE ?=

# The last two are for clang (`make fuzz`, editors): it does not know all of these, and RapidJSON's
# operators are older than C++20.
WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast \
           -Wuseless-cast -Wnon-virtual-dtor -Wformat=2 -Wimplicit-fallthrough $(WERROR) \
           -Wno-unknown-warning-option -Wno-ambiguous-reversed-operator
# Control-flow protection is not there for every processor.
HARDEN   = -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 \
           $(shell $(CXX) -fcf-protection -E -x c++ /dev/null >/dev/null 2>&1 && echo -fcf-protection)
CHECKED  = -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
           $(if $(findstring clang,$(CXX)),-fsanitize-ignorelist=tests/fuzz/sanitizer.ignorelist)

cxxflags = -std=c++20 -pthread $(WARNINGS) $(if $(SANITIZE),$(CHECKED),$(CXXFLAGS) $(HARDEN)) \
           -Isrc -I$(BUILD) $(CPPFLAGS)
ldflags  = -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE),-pie -Wl,-z,relro,-z,now) $(LDFLAGS)
libs     = -lfcgi -lcurl -lcrypto

# As many jobs as processors, unless somebody said -j.
jobs  = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
quiet = $(if $(V),,@)
say   = $(if $(V),@:,@printf '  %-5s %s\n' $(1) $(2))

core     = $(wildcard src/core/*.cc src/threads/*.cc)
shells   = $(wildcard src/shell/*.cc)
sandbox  = $(filter-out %/main.cc,$(wildcard src/sandbox/*.cc))
units    = $(wildcard tests/unit/*.cc)
fuzzers  = $(patsubst tests/fuzz/%_fuzzer.cc,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzzer.cc))
objects  = $(patsubst %.cc,$(BUILD)/%.o,$(1))
programs = $(BUILD)/threads-oauth.fcgi $(BUILD)/threads-sandbox.fcgi
reader   = $(BUILD)/docs/swagger-ui-bundle.js
# Not worth waiting or failing for: /docs says what is missing.
define reader_if_possible
@[ -e $(reader) ] || ! command -v npm >/dev/null || \
  npm_config_fetch_retries=0 $(MAKE) --no-print-directory $(reader) || true
@[ -e $(reader) ] || echo "Going on without Swagger UI: /docs will say how to get it."
endef

.DELETE_ON_ERROR:
.PHONY: all run docs test bench fuzz lint format install deb clean help seeds compile_commands.json asan tsan

all: ## build both programs into build/
	@deploy/need build
	$(quiet)$(MAKE) --no-print-directory $(jobs) $(programs)

# make passes SIGTERM on to its child and waits for it, so that must be deploy/run itself and no shell that would die of
# the signal. Should make be killed without a chance to do so, the kernel sends the SIGTERM.
run: ## build, start everything and print the address to open (PORT=8080)
	@deploy/need build run
	$(quiet)$(MAKE) --no-print-directory $(jobs) $(programs)
	$(reader_if_possible)
	@PORT=$(PORT) BUILD=$(BUILD) exec setpriv --pdeathsig TERM deploy/run

docs: ## fetch what /docs shows the API's description with (by npm)
	@deploy/need docs
	$(quiet)$(MAKE) --no-print-directory $(reader)

# What a suite needs beside its own files: Debian packages (a purpose of deploy/need), things to make. A suite
# that is not named here needs all packages and both programs.
suites = $(or $(SUITE),unit page integration openapi hostile outages load servers package tool browser fuzz asan tsan)
packages_unit = unit
packages_page = node
packages_fuzz = build
packages_asan = test
made_unit = $(BUILD)/unit-tests
made_page =
made_fuzz = asan
made_asan = asan
made_tsan = tsan
packages_of = $(if $(filter undefined,$(origin packages_$(1))),test,$(packages_$(1)))
made_by     = $(if $(filter undefined,$(origin made_$(1))),$(programs) $(reader),$(made_$(1)))
to_make     = $(sort $(foreach suite,$(suites),$(call made_by,$(suite))))

test: ## all tests; SUITE="unit page integration ..." runs some
	@deploy/need $(sort $(foreach suite,$(suites),$(call packages_of,$(suite))))
	$(if $(to_make),$(quiet)$(MAKE) --no-print-directory $(jobs) $(to_make))
	@BUILD=$(BUILD) tests/run $(suites)

asan:
	$(quiet)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined \
	  $(if $(filter fuzz,$(suites)),seeds) \
	  $(if $(filter asan,$(suites)),$(addprefix $(BUILD)/asan/,threads-oauth.fcgi threads-sandbox.fcgi unit-tests))

tsan:
	$(quiet)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SANITIZE=thread $(BUILD)/tsan/threads-oauth.fcgi

bench: ## measure the program beside nginx, libcurl, PHP-FPM and Node
	@deploy/need build run bench
	$(quiet)$(MAKE) --no-print-directory $(jobs) $(programs)
	@tests/bench/run

fuzz: ## fuzz each target for FUZZ_SECONDS=60
	@deploy/need fuzz
	$(quiet)$(MAKE) --no-print-directory $(jobs) BUILD=$(BUILD)/libfuzzer CXX=clang++ \
	  SANITIZE=fuzzer-no-link,address,undefined seeds
	@tests/fuzz/run $(FUZZ_SECONDS) $(BUILD)/libfuzzer

lint: ## formatting, layers, analysers
	@BUILD=$(BUILD) tests/lint

install: all ## install below PREFIX=/usr/local (and DESTDIR)
	$(reader_if_possible)
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) BUILD=$(BUILD) deploy/install

deb: ## build the Debian package into build/
	@deploy/need build deb docs
	$(quiet)$(MAKE) --no-print-directory $(jobs) $(programs) $(reader)
	@VERSION=$(VERSION) BUILD=$(BUILD) deploy/package

format: ## format the sources with clang-format
	@deploy/need lint
	clang-format -i $$(git ls-files '*.cc' '*.h')

clean: ## remove what was made
	rm -rf $(BUILD) compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z_.-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 30

$(BUILD)/threads-oauth.fcgi: $(call objects,src/main.cc $(core) $(shells))
$(BUILD)/threads-sandbox.fcgi: $(call objects,src/sandbox/main.cc $(sandbox) $(core) $(shells))
$(BUILD)/unit-tests: $(call objects,$(units) $(sandbox) $(core) $(shells))

$(programs) $(BUILD)/unit-tests:
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(ldflags) -o $@ $^ $(libs)

$(reader): deploy/docs/package-lock.json
	$(call say,NPM,$@)
	$(quiet)deploy/docs/fetch $(@D)

# One line a file; after the first each begins with its comma.
json     = "$(subst ",\",$(subst \,\\,$(1)))"
comma   := ,
database = $(wildcard src/*.cc src/*/*.cc tests/unit/*.cc tests/fuzz/*.cc)
compile_commands.json: $(BUILD)/causes.inc ## how each file is compiled, for editors and analysers
	$(call say,WRITE,$@)
	$(file >$@,[)
	$(foreach source,$(database),$(file >>$@,$(if $(filter $(source),$(firstword $(database))),,$(comma)){ \
	  "directory": $(call json,$(CURDIR)), "file": $(call json,$(source)), \
	  "command": $(call json,$(CXX) $(cxxflags) $(if $(filter %/version.cc,$(source)),$(define_version)) -c $(source)) }))
	$(file >>$@,])

# The catalogue of causes as a C++ string.
$(BUILD)/causes.inc: www/causes.json
	$(quiet)mkdir -p $(@D)
	$(quiet){ printf 'R"causes('; cat $<; printf ')causes"\n'; } >$@
$(BUILD)/src/threads/causes.o: $(BUILD)/causes.inc

# Fuzz targets: by libFuzzer where it is compiled in, else with a main that replays the seeds.
fuzz_main  = $(if $(findstring fuzzer,$(SANITIZE)),,tests/fuzz/replay.cc)
fuzz_shell = src/shell/request_framing.cc src/shell/fastcgi.cc
seeds: $(fuzzers)
$(fuzzers): $(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzzer.o \
    $(call objects,tests/fuzz/check.cc tests/fuzz/records.cc $(fuzz_main) $(core) $(fuzz_shell))
	$(call say,LINK,$@)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(CXX) $(ldflags) $(if $(fuzz_main),,-fsanitize=fuzzer) -o $@ $^ $(libs)

$(BUILD)/%.o: %.cc Makefile
	$(call say,CXX,$<)
	$(quiet)mkdir -p $(@D)
	$(quiet)$(CXX) $(cxxflags) -MMD -MP -c -o $@ $<

# Nobody waits for the unit tests to run, everybody for them to compile.
$(call objects,$(units)): CXXFLAGS += -O0
$(call objects,$(units)): HARDEN = -fPIE

# The only one that knows the version: a new one rebuilds nothing else.
define_version = -DVERSION='"$(VERSION)"'
$(BUILD)/src/shell/version.o: CPPFLAGS += $(define_version)
$(BUILD)/src/shell/version.o: CHANGELOG.md

# What each object was made from, as the compiler saw it.
-include $(patsubst %.o,%.d,$(call objects,src/main.cc src/sandbox/main.cc $(core) $(shells) $(sandbox) $(units) \
  $(wildcard tests/fuzz/*.cc)))
