/* What the user asks for: a scheme per kind of tensor, and exceptions by name.     SPDX-License-Identifier: Apache-2.0 */
#ifndef CARAT_QUANTIZE_RECIPE_H
#define CARAT_QUANTIZE_RECIPE_H

#include "quantize/scheme.h"
#include "runtime/model/slots.h"

typedef struct carat_recipe carat_recipe;

typedef struct carat_recipe_args {
    const char *scheme;           /* matrices of the blocks */
    const char *experts;          /* matrices of the experts; NULL: as scheme */
    const char *embeddings, *ple; /* NULL: keep */
    const char *const *set; /* "REGEX=SCHEME": POSIX extended, searched in the module name; later ones win */
    size_t n_set;
} carat_recipe_args;

carat_status carat_recipe_open(const carat_recipe_args *args, carat_recipe **out, carat_err *err);
void carat_recipe_close(carat_recipe *r);

typedef struct carat_wish {
    carat_scheme scheme;
    int rule;    /* index of the --set that asks, -1: the policy of the slot */
    bool strict; /* asked for by name (--set, --experts): that or an error */
} carat_wish;
/* What is wanted for a module of this slot (NULL: a tensor that no slot describes). */
carat_wish carat_recipe_ask(const carat_recipe *r, const carat_slot *slot, const char *module);

size_t carat_recipe_rules(const carat_recipe *r);
const char *carat_recipe_rule(const carat_recipe *r, size_t i); /* its text, "REGEX=SCHEME" */
/* Who asks (set: index of a --set, or -1), as on the command line: "--set 'REGEX=SCHEME'", "--experts int8", ... */
void carat_recipe_asker(const carat_recipe *r, const carat_slot *slot, int set, char out[200]);
/* Does a --set speak for this module? For one of a tower only if its expression says so ("vision", "audio" or "tower"): layers\.0\.
 * means the text model. */
bool carat_recipe_matches(const carat_recipe *r, size_t rule, const carat_slot *slot, const char *module);
const carat_recipe_args *carat_recipe_describe(const carat_recipe *r); /* as given, defaults filled in */

#endif
