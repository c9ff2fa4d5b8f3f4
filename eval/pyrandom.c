/* Python's random numbers (pyrandom.h).                                           SPDX-License-Identifier: Apache-2.0 */
#include "eval/pyrandom.h"

enum { N = 624, M = 397 };

static void fill(uint32_t *x, uint32_t seed)
{
    x[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        x[i] = 1812433253u * (x[i - 1] ^ x[i - 1] >> 30) + i;
}

/* init_by_array with the one word `seed`. */
void carat_pyrandom_seed(carat_pyrandom *r, uint32_t seed)
{
    uint32_t *x = r->word, i = 1;
    fill(x, 19650218);
    for (int k = 0; k < N; k++) {
        x[i] = (x[i] ^ (x[i - 1] ^ x[i - 1] >> 30) * 1664525u) + seed;
        if (++i == N) {
            x[0] = x[N - 1];
            i = 1;
        }
    }
    for (int k = 0; k < N - 1; k++) {
        x[i] = (x[i] ^ (x[i - 1] ^ x[i - 1] >> 30) * 1566083941u) - i;
        if (++i == N) {
            x[0] = x[N - 1];
            i = 1;
        }
    }
    x[0] = 0x80000000u;
    r->at = N;
}

static uint32_t next_word(carat_pyrandom *r)
{
    uint32_t *x = r->word;
    if (r->at == N) {
        for (int i = 0; i < N; i++) {
            uint32_t y = (x[i] & 0x80000000u) | (x[(i + 1) % N] & 0x7fffffffu);
            x[i] = x[(i + M) % N] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        r->at = 0;
    }
    uint32_t y = x[r->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

uint32_t carat_pyrandom_below(carat_pyrandom *r, uint32_t n)
{
    unsigned bits = 0;
    while (bits < 32 && n >> bits)
        bits++;
    for (;;) {
        uint32_t v = next_word(r) >> (32 - bits);
        if (v < n)
            return v;
    }
}
