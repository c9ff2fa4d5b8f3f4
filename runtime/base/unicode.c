/* Character classes (unicode.h).                                                  SPDX-License-Identifier: Apache-2.0 */
#include "runtime/base/unicode.h"

bool carat_unicode_space(uint32_t cp)
{
    if (cp < 0x80)
        return cp == ' ' || (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1F);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool carat_unicode_word(uint32_t cp)
{
    if (cp < 0x80)
        return cp == '_' || (cp >= '0' && cp <= '9') || ((cp | 32) >= 'a' && (cp | 32) <= 'z');
    size_t low = 0, high = carat_unicode_alnum_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (carat_unicode_alnum[mid].last < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return low < carat_unicode_alnum_count && carat_unicode_alnum[low].first <= cp;
}
