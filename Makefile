# threads-oauth: `make help` lists what can be made.

VERSION  ?= 0.1.0
CXX      ?= g++
BUILD    ?= build
PORT     ?= 8080
CXXFLAGS ?= -O2 -g
WARNINGS  = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast \
            -Wuseless-cast -Wnon-virtual-dtor -Wformat=2 -Wimplicit-fallthrough -Werror
CPPFLAGS += -Isrc -DVERSION='"$(VERSION)"'
LIBS      = -lfcgi -lcurl -lcrypto
ALL_CXXFLAGS = -std=c++20 -pthread $(WARNINGS) $(CXXFLAGS)

# `make V=1` shows the commands.
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

core    = $(wildcard src/core/*.cc src/threads/*.cc)
shells  = $(wildcard src/shell/*.cc)
sandbox = $(filter-out %/main.cc,$(wildcard src/sandbox/*.cc))
units   = $(wildcard tests/unit/*.cc)
objects = $(patsubst %.cc,$(BUILD)/%.o,$(1))

.DELETE_ON_ERROR:
.PHONY: all need run test lint format clean help

all: need ## build both programs into build/
	$(Q)$(MAKE) --no-print-directory $(BUILD)/threads-oauth.fcgi $(BUILD)/threads-sandbox.fcgi

$(BUILD)/threads-oauth.fcgi: $(call objects,src/main.cc $(core) $(shells))
$(BUILD)/threads-sandbox.fcgi: $(call objects,src/sandbox/main.cc $(sandbox) $(core) $(shells))
$(BUILD)/unit-tests: $(call objects,$(units) $(sandbox) $(core) $(shells))

$(BUILD)/threads-oauth.fcgi $(BUILD)/threads-sandbox.fcgi $(BUILD)/unit-tests:
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.cc Makefile
	$(call say,CXX,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean: ## remove what was made
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22
