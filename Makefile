# SPDX-License-Identifier: GPL-2.0-or-later
#
# ownframe: programs, driver, tests. `make help` says what there is.
#
# Sources are found by wildcard: a new file in userspace/*/, kmod/ (and Kbuild), tests/unit/ or
# tests/vm/ is built without a change here. All output is below $(BUILD).
#
#	V=1		show the commands
#	BUILD=folder	build there (default: build)
#	KDIR=folder	build the module for this kernel (default: the test machine's)
#	SAN=1		programs with AddressSanitizer and UBSan, below $(BUILD)/san

ifneq ($(words $(CURDIR)),1)
$(error Kbuild cannot build below a folder with a space in its name: $(CURDIR))
endif

BUILD ?= build
# One spelling, or the dependency files of one call would not be those of the next.
override BUILD := $(abspath $(BUILD))
export BUILD
PREFIX ?= /usr
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s%s\n' $(1) $(2:$(CURDIR)/%=%))
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
B := $(BUILD)$(if $(SAN),/san)
MAKEFLAGS += --no-print-directory

all: programs modules tests

# --- programs ----------------------------------------------------------------------------------

# What each folder of userspace/ needs; a program also gets what lib needs.
packages_lib := libcrypto jansson inih tss2-esys tss2-mu tss2-tctildr tss2-rc
packages_feed := libsystemd
packages_record := liburing x264 libturbojpeg libsystemd
packages_upload := libsystemd
packages_ownframe :=
packages := $(sort $(foreach p,lib feed record upload ownframe,$(packages_$(p))))

program_feed := ownframe-feed
program_record := ownframe-record
program_upload := ownframe-upload
program_ownframe := ownframe
folders := feed record upload ownframe

CC ?= gcc
CFLAGS ?= -O2 -g
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Werror
# Asked once, and only when something is compiled: `make deps` must work without pkg-config.
package_cflags = $(eval package_cflags := $(shell pkg-config --cflags $(packages)))$(package_cflags)
libs_of = $(shell pkg-config --libs $(sort $(foreach p,lib $(1),$(packages_$(p)))))
all_libs = $(eval all_libs := $(shell pkg-config --libs $(packages)))$(all_libs)
includes := -Iinclude/uapi -Iuserspace/lib
defines := -D_GNU_SOURCE -DOWNFRAME_VERSION='"$(VERSION)"'
ifdef SAN
hardening := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
link := -fsanitize=address,undefined
else
hardening := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
link := -pie -Wl,-z,relro,-z,now
endif
compile = $(CC) -std=gnu11 $(CFLAGS) $(hardening) $(warnings) $(defines) $(includes) \
	$(package_cflags) $(CPPFLAGS) -pthread -MMD -MP
link_with = $(CC) $(link) $(LDFLAGS) -pthread -Wl,--as-needed

objects = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(1)))
lib := $(B)/libownframe.a
archives := $(foreach p,$(folders),$(if $(wildcard userspace/$(p)/*.c),$(B)/$(p).a))
binaries := $(foreach p,$(folders),$(if $(wildcard userspace/$(p)/main.c),$(B)/bin/$(program_$(p))))

programs: $(binaries) $(archives) $(lib)

$(B)/obj/%.o: %.c Makefile dkms.conf
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(compile) -c -o $@ $<

define archive
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)
endef

$(lib): $(call objects,userspace/lib/*.c)
	$(archive)

define program
$(B)/$(1).a: $(filter-out %/main.o,$(call objects,userspace/$(1)/*.c))
	$$(archive)

$(B)/bin/$(program_$(1)): $(B)/obj/userspace/$(1)/main.o $(B)/$(1).a $(lib)
	$$(call say,LD,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(link_with) -o $$@ $$^ $$(call libs_of,$(1))
endef
$(foreach p,$(folders),$(eval $(call program,$(p))))

# --- module ------------------------------------------------------------------------------------

# The test machine's kernel, image and headers; fetched once, see tests/vm/kernel.
$(BUILD)/kernel:
	$(Q)mkdir -p $(@D)
	$(Q)folder=$$(tests/vm/kernel) && ln -sfn "$$folder" $@

ifdef KDIR
modules:
else
KDIR = $(wildcard $(BUILD)/kernel/lib/modules/*/build)
modules: $(BUILD)/kernel
endif

# Kbuild writes beside its sources, so it gets a tree of links to them: (folder, sources, module).
define kbuild
	$(call say,KBUILD,$(1)/$(3).ko)
	$(Q)mkdir -p $(1)
	$(Q)cp -rsf $(addprefix $(CURDIR)/,$(2)) $(1)/
	$(Q)find $(1) -xtype l -delete
	+$(Q)$(MAKE) $(if $(V),,-s) -C $(KDIR) M=$(1) W=1 KCFLAGS=-Werror \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
endef

modules:
ifneq ($(wildcard Kbuild),)
	$(call kbuild,$(BUILD)/kmod,Kbuild dkms.conf kmod include,ownframe)
endif

# What the test machine's own test needs.
rig-module: $(BUILD)/kernel
	$(call kbuild,$(BUILD)/tests/vm/rig,tests/vm/rig/Kbuild tests/vm/rig/provoke.c,provoke)

# --- tests -------------------------------------------------------------------------------------

test_includes := -Iuserspace -Itests/vm/lib
unit_tests := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
vm_tests := $(patsubst tests/vm/t/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/t/*.c))
vm_programs := $(patsubst tests/vm/bin/%.c,$(B)/tests/vm/bin/%,$(wildcard tests/vm/bin/*.c))
unit_lib := $(B)/tests/unit/fixtures.a
vm_lib := $(B)/tests/vm/lib.a

tests: $(vm_tests) $(vm_programs) rig-module
unit-tests: $(unit_tests)

$(B)/obj/tests/%.o: includes += $(test_includes)
$(unit_lib): $(call objects,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
	$(archive)
$(vm_lib): $(call objects,tests/vm/lib/*.c)
	$(archive)

define link_test
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(link_with) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		$(all_libs) $(1)
endef

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(unit_lib) $(archives) $(lib)
	$(call link_test,-lcmocka -lm)
$(B)/tests/vm/bin/%: $(B)/obj/tests/vm/bin/%.o $(vm_lib) $(archives) $(lib)
	$(call link_test,-lm)
$(B)/tests/vm/%: $(B)/obj/tests/vm/t/%.o $(vm_lib) $(archives) $(lib)
	$(call link_test,-lm)

check-vm: deps
	$(Q)$(MAKE) all
	$(Q)tests/vm/run $(T)

clean:
	$(Q)rm -rf $(BUILD)

# --- packages ----------------------------------------------------------------------------------

# Names in the file deps that are wanted and not installed.
define missing_packages
	while read -r name command; do
		case $$name in '' | '#'*) continue ;; esac
		command=$${command#[}
		if [ -z "$$command" ] || ! command -v "$${command%]}" >/dev/null; then echo "$$name"; fi
	done <deps | while read -r name; do
		dpkg-query -W -f '$${Status}\n' "$$name" 2>/dev/null | grep -q '^install ok installed$$' ||
			echo "$$name"
	done
endef
export missing_packages

deps:
	$(Q)missing=$$(bash -c "$$missing_packages"); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get -q=2 update; \
		$$as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get -q=2 install --no-install-recommends -y $$missing; \
	fi

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

.PHONY: all programs modules rig-module tests unit-tests check-vm clean deps
.SECONDARY:
.DELETE_ON_ERROR:
