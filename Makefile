# The everyday commands. Each does all it needs: packages (asks for root rights only if some are missing), configuring,
# building. The work is done by scripts/.

PREFIX ?= /usr/local
DESTDIR ?=
LISTEN ?= 127.0.0.1:8080
ARGS ?=

bindir = $(DESTDIR)$(PREFIX)/bin
export LISTEN

.DEFAULT_GOAL := help
.PHONY: help run build test test-unit test-e2e bench install uninstall deps clean

help:
	@echo 'make run        build, fetch two small models, serve them on LISTEN ($(LISTEN))'
	@echo 'make build      build the release binaries in build/release'
	@echo 'make test       all tests; also test-unit, test-e2e'
	@echo 'make bench      measure against nginx, and swaps (takes a while; ARGS go to bench/run.py)'
	@echo 'make install    install llama-swap and fake-model to PREFIX/bin ($(PREFIX)/bin); honours DESTDIR'
	@echo 'make uninstall  take them away again'
	@echo 'make deps       install the Debian packages for all of this'
	@echo 'make clean      remove build/ (not the fetched models)'

run:
	@scripts/run-demo

build:
	@scripts/install-deps build
	@scripts/build release llama-swap fake-model

test:
	@scripts/test

test-unit:
	@scripts/test unit

test-e2e:
	@scripts/test e2e

bench: build
	@scripts/install-deps bench
	@scripts/build release bench_programs
	@python3 bench/run.py $(ARGS)
	@python3 bench/tls.py
	@python3 bench/swaps.py

install: build
	install -d '$(bindir)'
	install -s -m 755 build/release/src/app/llama-swap build/release/tests/fake_model/fake-model '$(bindir)'

uninstall:
	rm -f '$(bindir)/llama-swap' '$(bindir)/fake-model'

deps:
	@scripts/install-deps build test bench demo

clean:
	rm -rf build
