/* The choice of a kernel set.                                                      SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/base/str.h"
#include "runtime/kernel/kernel.h"

/* Best first. */
static const carat_kernels *const sets[] = {
#if defined(__x86_64__)
    &carat_kernels_avx512,
    &carat_kernels_avx2,
#elif defined(__aarch64__)
    &carat_kernels_neon,
#endif
    &carat_kernels_ref,
};
enum { SETS = sizeof sets / sizeof *sets };

/* What a set keeps at hand of a panel: codes as int16 at most, where sums begin, a token's codes, scales, running sums of some hundred
 * tokens; a block of columns is never smaller than some hundred, nor than a group. */
size_t carat_panel_bytes(size_t cols)
{
    size_t padded = (cols + 63) / 64 * 64;
    return padded * 3 * CARAT_PANEL_ROWS + (96 << 10);
}

const carat_kernels *carat_kernels_at(size_t i)
{
    return i < SETS ? sets[i] : NULL;
}

carat_status carat_kernels_pick(const char *name, const carat_kernels **out, carat_err *err)
{
    bool any = !name || strcmp(name, "auto") == 0, known = false;
    for (size_t i = 0; i < SETS; i++) {
        bool named = !any && strcmp(name, sets[i]->name) == 0;
        known = known || named;
        if ((any || named) && sets[i]->usable()) {
            *out = sets[i];
            return CARAT_OK;
        }
    }
    carat_str have = CARAT_STR_INIT;
    for (size_t i = 0; i < SETS; i++)
        if (sets[i]->usable())
            carat_str_printf(&have, "%s ", sets[i]->name);
    carat_status st = carat_fail(err, CARAT_EUSAGE, "kernel set %s: %s; use one of: %sauto", name,
                                 known ? "this processor cannot run it" : "no such set", have.data);
    carat_str_free(&have);
    return st;
}
