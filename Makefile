# carat: `make help` lists the targets. Variants live side by side: make B=build/x CFLAGS=...   SPDX-License-Identifier: Apache-2.0
CC      ?= cc
CFLAGS  ?= -O2 -g
B       ?= build
PREFIX  ?= /usr/local
Q       := $(if $(V),,@)

CARAT_CFLAGS := -std=c11 -D_GNU_SOURCE -I. -fPIC -fopenmp -fvisibility=hidden -ffp-contract=off \
  -Wall -Wextra -Wpedantic -Wshadow -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wvla
