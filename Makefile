# SPDX-License-Identifier: LGPL-2.1-or-later
# A thin front: what builds and tests stands in meson.build, tools/stack and tests/check.

STACK := tools/stack/stack
.PHONY: help demo check stack own bench accuracy stress series dist clean

help:                           ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: stack                     ## measure a real guest's dirty page rate, predict its migration and limit it, from set-up to table
	@./run tools/demo

check: stack                    ## run all tests; the last line counts them
	@./run tests/check

stack: own                      ## fetch, patch and build QEMU and libvirt (QEMU_SOURCE=, LIBVIRT_SOURCE= name other trees)
	@$(STACK) build

own:                            ## build what is ours alone, in seconds
	@tools/stack/packages
	@$(STACK) own

bench: own                      ## print the benchmark tables, our QEMU beside stock QEMU (45 minutes)
	@$(STACK) build --only qemu
	@$(STACK) build --stock --only qemu
	@tools/bench/bench

accuracy: stack                 ## foretell N random migrations (300, two hours), do them, report; resumed by SEED=
	@./run tools/accuracy/accuracy run $(if $(N),--cases $(N)) $(if $(SEED),--seed $(SEED))
	@./run tools/accuracy/accuracy report --plot accuracy/scatter

stress: stack                   ## run a thousand random sequences of limits (an hour; tests/stress/stress --help)
	@./run tests/stress/stress

series:                         ## export the patches to both upstreams for git am, to series/
	@tools/stack/packages
	@$(STACK) series

dist: own                       ## make the source archive that libvirt-dirty.spec builds packages from
	@tools/stack/dist

clean:                          ## remove this checkout's builds (keeps fetched sources and the compiler cache)
	@rm -rf "$$($(STACK) dir)" series
