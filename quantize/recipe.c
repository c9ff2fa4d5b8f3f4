/* Recipes: policy by kind of tensor, then --set in the order given.                SPDX-License-Identifier: Apache-2.0 */
#include "quantize/recipe.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

typedef struct rule {
    const char *text;
    regex_t re;
    bool compiled;
    carat_scheme scheme;
} rule;

struct carat_recipe {
    carat_recipe_args args;
    carat_scheme scheme, experts, embeddings, ple;
    bool experts_named;
    carat_arena arena;
    rule *rules;
    size_t n;
};

/* The scheme stands behind the last '=': an expression may hold others. */
static carat_status rule_open(carat_recipe *r, const char *text, rule *out, carat_err *err)
{
    const char *eq = strrchr(text, '=');
    if (!eq || eq == text)
        return carat_fail(err, CARAT_EUSAGE, "--set '%s': expected REGEX=SCHEME, as in 'layers\\.0\\.=int8'",
                          text);
    carat_status st = carat_scheme_parse(eq + 1, &out->scheme, err);
    if (st)
        return carat_fail_in(err, st, "--set");
    char *pattern = carat_arena_copy(&r->arena, text, (size_t)(eq - text), err);
    if (!pattern)
        return CARAT_ENOMEM;
    int code = regcomp(&out->re, pattern, REG_EXTENDED | REG_NOSUB);
    if (code) {
        char why[128];
        regerror(code, &out->re, why, sizeof why);
        return carat_fail(err, CARAT_EUSAGE, "--set '%s': %s", pattern, why);
    }
    out->compiled = true;
    out->text = text;
    return CARAT_OK;
}

carat_status carat_recipe_open(const carat_recipe_args *args, carat_recipe **out, carat_err *err)
{
    if (!args->scheme)
        return carat_fail(err, CARAT_EUSAGE,
                          "--scheme is missing: int8, int4-g32, ... (`carat list schemes`)");
    carat_recipe *r = carat_alloc(1, sizeof *r, err);
    if (!r)
        return CARAT_ENOMEM;
    r->args = *args;
    r->experts_named = args->experts != NULL;
    r->args.experts = args->experts ? args->experts : args->scheme;
    r->args.embeddings = args->embeddings ? args->embeddings : "keep";
    r->args.ple = args->ple ? args->ple : "keep";
    carat_status st;
    if ((st = carat_scheme_parse(r->args.scheme, &r->scheme, err)) ||
        (st = carat_scheme_parse(r->args.experts, &r->experts, err)) ||
        (st = carat_scheme_parse(r->args.embeddings, &r->embeddings, err)) ||
        (st = carat_scheme_parse(r->args.ple, &r->ple, err)))
        goto out;
    if (r->embeddings.kind == CARAT_SCHEME_BYTES || r->ple.kind == CARAT_SCHEME_BYTES) {
        st = carat_fail(err, CARAT_EUSAGE,
                        "w8a8 quantizes the input of a matrix product; a table has none: use int8");
        goto out;
    }
    r->rules = carat_arena_alloc(&r->arena, args->n_set + 1, sizeof *r->rules, err);
    if (!r->rules) {
        st = CARAT_ENOMEM;
        goto out;
    }
    for (; r->n < args->n_set; r->n++)
        if ((st = rule_open(r, args->set[r->n], &r->rules[r->n], err)))
            goto out;
    *out = r;
    return CARAT_OK;
out:
    carat_recipe_close(r);
    return st;
}

void carat_recipe_close(carat_recipe *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->rules && i < r->args.n_set; i++)
        if (r->rules[i].compiled)
            regfree(&r->rules[i].re);
    carat_arena_free(&r->arena);
    carat_free(r);
}

carat_wish carat_recipe_ask(const carat_recipe *r, const carat_slot *slot, const char *module)
{
    for (size_t i = r->n; i-- > 0;)
        if (carat_recipe_matches(r, i, slot, module))
            return (carat_wish){r->rules[i].scheme, (int)i, true};
    switch (slot ? slot->policy : CARAT_POLICY_KEEP) {
    case CARAT_POLICY_LINEAR:
        return (carat_wish){r->scheme, -1, false};
    case CARAT_POLICY_EXPERTS:
        return (carat_wish){r->experts, -1, r->experts_named};
    case CARAT_POLICY_EMBEDDING:
        return (carat_wish){r->embeddings, -1, false};
    case CARAT_POLICY_PLE:
        return (carat_wish){r->ple, -1, false};
    default:
        return (carat_wish){carat_scheme_keep, -1, false};
    }
}

void carat_recipe_asker(const carat_recipe *r, const carat_slot *slot, int set, char out[200])
{
    const char *const options[] = {"the policy", "--scheme", "--embeddings", "--ple",
                                   r->experts_named ? "--experts" : "--scheme"};
    const char *const schemes[] = {"", r->args.scheme, r->args.embeddings, r->args.ple, r->args.experts};
    carat_policy p = slot ? slot->policy : CARAT_POLICY_KEEP;
    if (set >= 0)
        snprintf(out, 200, "--set '%.180s'", r->rules[set].text);
    else
        snprintf(out, 200, "%s %.100s", options[p], schemes[p]);
}

size_t carat_recipe_rules(const carat_recipe *r)
{
    return r->n;
}

const char *carat_recipe_rule(const carat_recipe *r, size_t i)
{
    return r->rules[i].text;
}

bool carat_recipe_matches(const carat_recipe *r, size_t i, const carat_slot *slot, const char *module)
{
    const char *text = r->rules[i].text;
    bool tower = slot && slot->home == CARAT_HOME_MEDIA;
    if (tower && !strstr(text, "vision") && !strstr(text, "audio") && !strstr(text, "tower"))
        return false;
    return regexec(&r->rules[i].re, module, 0, NULL, 0) == 0;
}

const carat_recipe_args *carat_recipe_describe(const carat_recipe *r)
{
    return &r->args;
}
