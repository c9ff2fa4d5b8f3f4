/* The registry of suites.                                                         SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "eval/suite.h"
#include "runtime/base/cmd.h"

static const carat_suite *const suites[] = {
    &carat_suite_perplexity, &carat_suite_kld,           &carat_suite_mmlu_pro, &carat_suite_mrcr,
    &carat_suite_gsm8k,      &carat_suite_livecodebench, &carat_suite_latency};

const carat_suite *carat_suite_at(size_t i)
{
    return i < sizeof suites / sizeof *suites ? suites[i] : NULL;
}

const carat_suite *carat_suite_named(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (strlen(suites[i]->name) == len && memcmp(suites[i]->name, name, len) == 0)
            return suites[i];
    return NULL;
}

const char *carat_outcome_name(carat_outcome o)
{
    static const char *const names[] = {"right", "wrong", "unparsed", "not_measured"};
    return names[o];
}

char *carat_user_message(const char *text, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&s);
    carat_jw_open(&w, '[');
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "role", "user");
    carat_jw_put_text(&w, "content", text);
    carat_jw_close(&w);
    carat_jw_close(&w);
    char *out = carat_str_take(&s);
    carat_str_free(&s);
    if (!out)
        carat_fail(err, CARAT_ENOMEM, "out of memory for a message");
    return out;
}

static const char *listed(size_t i, const char **summary)
{
    const carat_suite *s = carat_suite_at(i);
    if (!s)
        return NULL;
    *summary = s->summary;
    return s->name;
}

extern const carat_listing carat_suites_listing;
const carat_listing carat_suites_listing = {"suites", listed};
