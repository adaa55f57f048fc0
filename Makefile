# SPDX-License-Identifier: GPL-2.0-or-later
#
# ownframe: programs, driver, tests. `make help` says what there is.
#
# Sources are found by wildcard: a new file in userspace/*/, kmod/ (and Kbuild), tests/unit/ or
# tests/vm/ is built without a change here. All output is below $(BUILD).
#
#	make		programs, module, tests
#	make demo	a clip from camera to owner, in the test machine
#	make check	all tests; check-unit: those that run here, check-vm: in the test machine
#	make bench	what it costs, beside others; T=part: only that folder of bench/
#	make lint	what tools can say about the sources; lint-tidy: the slowest of them, apart
#	make install	DESTDIR=, PREFIX=/usr; with the module's source for DKMS; install-dkms: only that
#	make deps	install the Debian packages that all this needs (file deps)
#	make clean
#
#	T=name		check-unit, check-vm: only that test
#	KERNEL=6.12	modules, check-vm: for this kernel only (default: for each that
#			tests/vm/kernel --list names)
#	V=1		show the commands
#	BUILD=folder	build there (default: build)
#	KDIR=folder	modules: for the kernel with this build folder, in $(BUILD)/kmod
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
packages_record := liburing x264 libturbojpeg
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

# The test machine's kernels, image and headers; fetched once, see tests/vm/kernel.
KERNEL ?= $(shell tests/vm/kernel --list)
kernels := $(KERNEL)
$(BUILD)/kernel-%:
	$(Q)mkdir -p $(@D)
	$(Q)folder=$$(tests/vm/kernel $*) && ln -sfn "$$folder" $@
headers_of = $(BUILD)/kernel-$(1)/lib/modules/$$(cat $(BUILD)/kernel-$(1)/release)/build

# Kbuild writes beside its sources, so it gets a tree of links to them:
# (folder, sources, module, kernel's headers).
define kbuild
	$(call say,KBUILD,$(1)/$(3).ko)
	$(Q)mkdir -p $(1)
	$(Q)cp -rsf $(addprefix $(CURDIR)/,$(2)) $(1)/
	$(Q)find $(1) -xtype l -delete
	+$(Q)$(MAKE) $(if $(V),,-s) -C $(4) M=$(1) W=1 KCFLAGS="-Werror $(KCFLAGS)" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
endef
kmod_sources := Kbuild dkms.conf kmod include

ifdef KDIR
modules:
	$(call kbuild,$(BUILD)/kmod,$(kmod_sources),ownframe,$(KDIR))
else
modules: $(addprefix module-,$(kernels))
endif
$(addprefix module-,$(kernels)): module-%: $(BUILD)/kernel-%
	$(call kbuild,$(BUILD)/kmod-$*,$(kmod_sources),ownframe,$(call headers_of,$*))

# What the test machine's own test needs.
rig_sources := tests/vm/rig/Kbuild tests/vm/rig/provoke.c
rig-modules: $(addprefix rig-module-,$(kernels))
$(addprefix rig-module-,$(kernels)): rig-module-%: $(BUILD)/kernel-%
	$(call kbuild,$(BUILD)/tests/vm/$*/rig,$(rig_sources),provoke,$(call headers_of,$*))

# --- tests -------------------------------------------------------------------------------------

test_includes := -Iuserspace -Itests/vm/lib
unit_tests := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
vm_tests := $(patsubst tests/vm/t/%.c,$(B)/tests/vm/%,$(wildcard tests/vm/t/*.c))
fuzzers := $(patsubst tests/fuzz/%/main.c,$(B)/tests/vm/bin/%_fuzz,$(wildcard tests/fuzz/*/main.c))
vm_programs := $(patsubst tests/vm/bin/%.c,$(B)/tests/vm/bin/%,$(wildcard tests/vm/bin/*.c)) $(fuzzers) \
	$(patsubst tests/vm/preload/%.c,$(B)/tests/vm/bin/%.so,$(wildcard tests/vm/preload/*.c))
unit_lib := $(B)/tests/unit/fixtures.a
vm_lib := $(B)/tests/vm/lib.a

tests: $(vm_tests) $(vm_programs) rig-modules
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
# What a test puts between a program and its libraries (LD_PRELOAD).
$(B)/obj/tests/vm/preload/%.o: hardening := -fPIC
$(B)/tests/vm/bin/%.so: $(B)/obj/tests/vm/preload/%.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $< $(all_libs)
$(B)/tests/vm/%: $(B)/obj/tests/vm/t/%.o $(vm_lib) $(archives) $(lib)
	$(call link_test,-lm)

# A folder of tests/fuzz is a program for the test machine: (folder).
define fuzzer
$(B)/tests/vm/bin/$(1)_fuzz: $(call objects,tests/fuzz/$(1)/*.c) $(vm_lib)
	$$(call link_test,-lm)
endef
$(foreach f,$(patsubst tests/fuzz/%/main.c,%,$(wildcard tests/fuzz/*/main.c)),$(eval $(call fuzzer,$(f))))

# Programs that tests/interop/*.sh call.
interop_programs := $(patsubst %.c,$(B)/%,$(wildcard tests/interop/*.c))
$(B)/obj/tests/interop/%.o: includes += -Itests/unit
$(B)/tests/interop/%: $(B)/obj/tests/interop/%.o $(unit_lib) $(archives) $(lib)
	$(call link_test,-lcmocka -lm)
interop-programs: $(interop_programs)

# Other people's implementations to check ours against.
interop_modules := $(BUILD)/interop/node_modules/.package-lock.json
$(interop_modules): $(wildcard tests/interop/package*.json)
	$(call say,NPM,$(@D))
	$(Q)mkdir -p $(BUILD)/interop
	$(Q)cp $^ $(BUILD)/interop/
	$(Q)cd $(BUILD)/interop && npm ci --silent --no-audit --no-fund --ignore-scripts
	$(Q)touch $@

# T=name limits check-unit and check-vm to that test.
native_tests := $(patsubst tests/unit/%.c,$(BUILD)/san/tests/unit/%,$(wildcard tests/unit/test_*.c)) \
	$(wildcard tests/interop/*.sh)
native_tests := $(if $(T),$(foreach t,$(T),$(filter %/$(t) %/$(t).sh,$(native_tests))),$(native_tests))
jobs := $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

check: deps
	+$(Q)tests/check check-unit check-vm

check-unit: deps
	+$(Q)$(MAKE) $(jobs) SAN=1 programs unit-tests interop-programs
ifneq ($(wildcard tests/interop/package-lock.json),)
	+$(Q)$(MAKE) $(interop_modules)
endif
	$(Q)tests/native $(native_tests)

check-vm: deps
	+$(Q)$(MAKE) $(jobs) all
	$(Q)KERNEL="$(kernels)" tests/vm/run $(T)

ifneq ($(wildcard demo/run.sh),)
demo: deps
	+$(Q)$(MAKE) $(jobs) all
	$(Q)demo/run.sh
endif

# --- bench ------------------------------------------------------------------------------------

bench_programs := $(B)/bench/driver/cost $(B)/bench/driver/count.so
$(B)/obj/bench/%.o: includes += $(test_includes)
$(B)/bench/%: $(B)/obj/bench/%.o $(vm_lib) $(archives) $(lib)
	$(call link_test,)
# A plugin of QEMU.
$(B)/obj/bench/driver/count.o: hardening := -fPIC
$(B)/bench/driver/count.so: $(B)/obj/bench/driver/count.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $<

bench: deps
	+$(Q)$(MAKE) $(jobs) all $(bench_programs)
	$(Q)bench/run $(T)

# --- lint --------------------------------------------------------------------------------------

lint_c := $(sort $(wildcard userspace/*/*.[ch] tests/unit/*.[ch] tests/interop/*.[ch] \
	tests/vm/t/*.c tests/vm/bin/*.c tests/vm/preload/*.c tests/vm/lib/*.[ch] tests/fuzz/*/*.[ch] \
	bench/*/*.c))
lint_kernel := $(sort $(wildcard kmod/*.[ch] include/uapi/linux/*.h tests/vm/rig/*.c))
lint_shell = $(shell grep -rlE '^#!.*\b(ba)?sh$$' .ci bench deps demo docs systemd tests udev 2>/dev/null | \
	grep -v /node_modules/)
lint_flags = -std=gnu11 $(defines) $(includes) $(test_includes) -Itests/unit $(package_cflags)
lints := format kernels checkpatch sparse cppcheck shell spelling man licence

# All of them, also when one finds something.
lint: deps
	+$(Q)$(MAKE) -k $(addprefix lint-,$(lints))

lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(lint_c)

# The kernels that the driver accepts, that DKMS builds it for, and that the tests boot.
lint-kernels:
	$(call say,LINT,kernels)
	$(Q)accepted=$$(sed -nE '/^#if/s/OWNFRAME_SERIES\(([0-9]+), ([0-9]+)\)/\n\1.\2\n/gp' \
		kmod/compat.h | grep -x '[0-9.]*' | xargs); \
	[ "$$accepted" = "$$(tests/vm/kernel --list)" ] && \
	grep -qxF "BUILD_EXCLUSIVE_KERNEL=\"^($$(echo "$$accepted" | \
		sed 's/\./\\./g; s/ /|/g'))\\.\"" dkms.conf || \
	{ echo "kmod/compat.h accepts $$accepted; dkms.conf or tests/vm/kernel differ"; exit 1; }

# kmod/compat.h compares versions and names itself; that is what it is for.
checkpatch_ignore := LINUX_VERSION_CODE,CONSTANT_COMPARISON,EMBEDDED_FILENAME
# The macros of tracepoints are set as all of the kernel's are; lists of fields are no expressions.
checkpatch_ignore_trace := OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,COMPLEX_MACRO
checkpatch = tests/checkpatch --no-tree --strict --terse --show-types --no-summary --quiet \
	--max-line-length=100 --ignore "$(checkpatch_ignore),$(1)" -f

lint-checkpatch:
	$(call say,LINT,checkpatch)
	$(Q)$(call checkpatch,) $(filter-out kmod/trace.h,$(lint_kernel))
	$(Q)$(call checkpatch,$(checkpatch_ignore_trace)) kmod/trace.h

# In a tree of its own: sparse sees only what is compiled.
lint-sparse: $(addprefix lint-sparse-,$(kernels))
$(addprefix lint-sparse-,$(kernels)): lint-sparse-%: $(BUILD)/kernel-%
	$(call say,LINT,sparse $*)
	$(Q)rm -rf $(BUILD)/lint-kmod-$* && mkdir -p $(BUILD)/lint-kmod-$*
	$(Q)cp -rs $(CURDIR)/Kbuild $(CURDIR)/kmod $(CURDIR)/include $(BUILD)/lint-kmod-$*/
	+$(Q)$(MAKE) -s -C $(call headers_of,$*) M=$(BUILD)/lint-kmod-$* W=1 C=1 KCFLAGS=-Werror \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules 2>&1 | tee $(BUILD)/lint-kmod-$*/log
	$(Q)! grep -q 'warning:\|error:' $(BUILD)/lint-kmod-$*/log

lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--suppress=missingIncludeSystem --error-exitcode=1 -D__GNUC__ $(defines) $(includes) \
		$(filter userspace/%.c,$(lint_c))

# Not part of lint: it takes minutes.
lint-tidy: $(addprefix lint-tidy/,$(filter %.c,$(lint_c)))
lint-tidy/%:
	$(call say,TIDY,$*)
	$(Q)clang-tidy --quiet $* -- $(lint_flags) 2>/dev/null

lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck $(lint_shell)

lint-spelling:
	$(call say,LINT,codespell)
	$(Q)git ls-files -z | xargs -0 codespell

lint-man:
	$(call say,LINT,mandoc)
	$(Q)mandoc -T lint -W warning $(wildcard docs/man/*.[1-9])

lint-licence:
	$(call say,LINT,SPDX)
	$(Q)! git ls-files '*.c' '*.h' '*.sh' Makefile Kbuild '*.rules' '*.service' $(lint_shell) | \
		xargs grep -L SPDX-License-Identifier: | grep .

# --- install -----------------------------------------------------------------------------------

install_to = $(if $(2),install -d $(DESTDIR)$(1) && install -m $(3) $(2) $(DESTDIR)$(1)/)

install: programs
	$(Q)$(call install_to,$(PREFIX)/bin,$(binaries),755)
	$(Q)$(call install_to,$(PREFIX)/lib/udev/rules.d,$(wildcard udev/*.rules),644)
	$(Q)$(call install_to,$(PREFIX)/lib/udev,$(wildcard udev/ownframe-owner),755)
	$(Q)$(call install_to,$(PREFIX)/lib/systemd/system,$(wildcard systemd/*.service systemd/*.socket \
		systemd/*.target systemd/*.timer systemd/*.path systemd/*.slice),644)
	$(Q)$(foreach kind,sysusers tmpfiles,$(foreach f,$(wildcard systemd/*.$(kind)),\
		install -D -m 644 $(f) \
			$(DESTDIR)$(PREFIX)/lib/$(kind).d/$(basename $(notdir $(f))).conf;))
	$(Q)$(foreach n,1 2 3 4 5 6 7 8,\
		$(if $(wildcard docs/man/*.$(n)),\
			$(call install_to,$(PREFIX)/share/man/man$(n),$(wildcard docs/man/*.$(n)),644);))
	$(Q)$(call install_to,$(PREFIX)/share/doc/ownframe/examples,$(wildcard docs/examples/*),644)
	$(Q)$(call install_to,$(PREFIX)/include/linux,include/uapi/linux/ownframe.h,644)
	$(Q)$(MAKE) install-dkms

# DKMS looks nowhere but in /usr/src.
install-dkms:
	$(Q)$(call install_to,/usr/src/ownframe-$(VERSION),Kbuild dkms.conf,644)
	$(Q)$(call install_to,/usr/src/ownframe-$(VERSION)/kmod,$(wildcard kmod/*.[ch]),644)
	$(Q)$(call install_to,/usr/src/ownframe-$(VERSION)/include/uapi/linux,$(wildcard include/uapi/linux/*.h),644)

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
		mkdir -p $(BUILD); \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		{ $$as_root apt-get -q=2 update; $$as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get -q=2 install --no-install-recommends -y $$missing; \
		} >$(BUILD)/apt.log 2>&1 || { tail -n 20 $(BUILD)/apt.log; exit 1; }; \
	fi

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

help:
	@sed -n 's/^#\t//p' Makefile

.PHONY: all programs modules rig-modules tests unit-tests interop-programs check check-unit check-vm \
	demo bench lint $(addprefix lint-,$(lints) tidy) install install-dkms clean deps help \
	$(foreach p,module rig-module lint-sparse,$(addprefix $(p)-,$(kernels)))
.SECONDARY:
.DELETE_ON_ERROR:
