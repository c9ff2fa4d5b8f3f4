/* Python's random.Random for small integers.                                      SPDX-License-Identifier: Apache-2.0
 *
 * Official scores that contain guesses hang on its very draws. MT19937: Matsumoto & Nishimura 1998, seeded with init_by_array as
 * CPython seeds it from an integer below 2^32; randbelow rejects from getrandbits as Lib/random.py does. */
#ifndef CARAT_EVAL_PYRANDOM_H
#define CARAT_EVAL_PYRANDOM_H

#include <stdint.h>

typedef struct carat_pyrandom {
    uint32_t word[624];
    unsigned at;
} carat_pyrandom;

void carat_pyrandom_seed(carat_pyrandom *r, uint32_t seed);   /* random.seed(seed) */
uint32_t carat_pyrandom_below(carat_pyrandom *r, uint32_t n); /* random.randrange(n), n >= 1 */

#endif
