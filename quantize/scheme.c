/* Names and sizes of schemes.                                                      SPDX-License-Identifier: Apache-2.0
 *
 * Integer schemes are symmetric and follow compressed-tensors: int8 and int4 are `pack-quantized` (weights only), w8a8
 * is `int-quantized` with activations declared as dynamic int8 per token. */
#include "quantize/scheme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const carat_scheme carat_scheme_keep = {"keep", CARAT_SCHEME_KEEP, CARAT_DT_BF16, 0, 0};

static const struct {
    carat_scheme scheme;
    const char *summary;
} known[] = {
    {{"int8", CARAT_SCHEME_PACKED, CARAT_DT_I32, 8, 0}, "8 bits, one scale a row, weights only"},
    {{"int8-g32", CARAT_SCHEME_PACKED, CARAT_DT_I32, 8, 32},
     "8 bits, a scale every 32 columns (also g16, g64, g128, g256)"},
    {{"int4-g32", CARAT_SCHEME_PACKED, CARAT_DT_I32, 4, 32},
     "4 bits, a scale every 32 columns: fits every Gemma 4 matrix"},
    {{"int4-g64", CARAT_SCHEME_PACKED, CARAT_DT_I32, 4, 64}, "4 bits, a scale every 64 columns"},
    {{"int4-g128", CARAT_SCHEME_PACKED, CARAT_DT_I32, 4, 128},
     "4 bits, a scale every 128 columns (also g16, g256)"},
    {{"w8a8", CARAT_SCHEME_BYTES, CARAT_DT_I8, 8, 0},
     "8 bits a row; activations declared as dynamic int8 per token"},
    {{"bf16", CARAT_SCHEME_FLOAT, CARAT_DT_BF16, 0, 0}, "bfloat16"},
    {{"f16", CARAT_SCHEME_FLOAT, CARAT_DT_F16, 0, 0},
     "IEEE half; refused where a weight is beyond its range"},
    {{"f32", CARAT_SCHEME_FLOAT, CARAT_DT_F32, 0, 0}, "IEEE single"},
    {{"keep", CARAT_SCHEME_KEEP, CARAT_DT_BF16, 0, 0}, "the bytes of the source, unchanged"},
};
enum { N_KNOWN = sizeof known / sizeof known[0] };

static const uint32_t group_sizes[] = {256, 128, 64, 32, 16};
enum { N_GROUPS = sizeof group_sizes / sizeof group_sizes[0] };

static const char *const gguf[] = {"q8_0", "q4_0", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"};

carat_scheme carat_scheme_int(int bits, uint32_t group)
{
    carat_scheme s = {"", CARAT_SCHEME_PACKED, CARAT_DT_I32, bits, group};
    if (group)
        snprintf(s.name, sizeof s.name, "int%d-g%u", bits % 100, group % 1000);
    else
        snprintf(s.name, sizeof s.name, "int%d", bits % 100);
    return s;
}

/* int8-gN and int4-gN. */
static bool parse_int(const char *text, carat_scheme *out)
{
    for (int bits = 4; bits <= 8; bits += 4)
        for (int i = 0; i < N_GROUPS; i++) {
            carat_scheme s = carat_scheme_int(bits, group_sizes[i]);
            if (!strcmp(s.name, text)) {
                *out = s;
                return true;
            }
        }
    return false;
}

carat_status carat_scheme_parse(const char *text, carat_scheme *out, carat_err *err)
{
    for (int i = 0; i < N_KNOWN; i++)
        if (!strcmp(known[i].scheme.name, text)) {
            *out = known[i].scheme;
            return CARAT_OK;
        }
    if (parse_int(text, out))
        return CARAT_OK;
    for (size_t i = 0; i < sizeof gguf / sizeof gguf[0]; i++)
        if (!strcmp(gguf[i], text))
            return carat_fail(err, CARAT_ESUPPORT,
                              "scheme %s: GGUF outputs are not in this build; int4-g32 and int8 are", text);
    if (!strcmp(text, "int4"))
        return carat_fail(err, CARAT_EUSAGE,
                          "scheme int4 needs a group size: int4-g32, int4-g64 or int4-g128");
    return carat_fail(
        err, CARAT_EUSAGE,
        "unknown scheme '%s'; known: int8, int8-gN, int4-gN (N: 16, 32, 64, 128, 256), w8a8, bf16, f16, "
        "f32, keep",
        text);
}

bool carat_scheme_equal(const carat_scheme *a, const carat_scheme *b)
{
    return !strcmp(a->name, b->name);
}

bool carat_scheme_fits(const carat_scheme *s, uint64_t cols)
{
    if (!carat_scheme_packs(s))
        return true;
    if (cols == 0 || (s->group && cols % s->group))
        return false;
    return s->kind == CARAT_SCHEME_BYTES || cols % (32 / (unsigned)s->bits) == 0;
}

carat_scheme carat_scheme_nearest(const carat_scheme *s, uint64_t cols)
{
    if (carat_scheme_fits(s, cols))
        return *s;
    for (int i = 0; s->group && i < N_GROUPS; i++) {
        carat_scheme t = carat_scheme_int(s->bits, group_sizes[i]);
        if (group_sizes[i] < s->group && carat_scheme_fits(&t, cols))
            return t;
    }
    return carat_scheme_keep;
}

static const char *item(size_t i, const char **summary)
{
    if (i >= N_KNOWN)
        return NULL;
    *summary = known[i].summary;
    return known[i].scheme.name;
}

const carat_listing carat_schemes_listing = {"schemes", item};
