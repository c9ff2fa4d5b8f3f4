/* The messages of a conversation, and the ids they come to.                        SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tool/conversation.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"

static const char turn_end[] = "<turn|>";

static void free_message(carat_message *m)
{
    free(m->role);
    free(m->json);
}

static void forget_said(carat_conversation *c)
{
    carat_release(c->said);
    free(c->said_ids);
    c->said = NULL;
    c->said_ids = NULL;
    c->n_said = 0;
}

void carat_conversation_free(carat_conversation *c)
{
    for (size_t i = 0; i < c->n; i++)
        free_message(&c->list[i]);
    free(c->list);
    forget_said(c);
    *c = (carat_conversation){.edition = c->edition, .thinking = c->thinking};
}

void carat_conversation_drop(carat_conversation *c)
{
    if (c->n)
        free_message(&c->list[--c->n]);
}

const char *carat_conversation_last(const carat_conversation *c)
{
    return c->n ? c->list[c->n - 1].role : NULL;
}

/* Takes json; puts the message at index `at`. */
static carat_status insert(carat_conversation *c, size_t at, const char *role, carat_str *json,
                           carat_err *err)
{
    carat_status st = carat_str_check(json, err);
    if (st || (st = carat_grow((void **)&c->list, &c->cap, c->n + 1, sizeof *c->list, err)))
        return st;
    carat_message m = {strdup(role), carat_str_take(json)};
    if (!m.role || !m.json) {
        free_message(&m);
        return carat_fail(err, CARAT_ENOMEM, "out of memory for a message");
    }
    memmove(c->list + at + 1, c->list + at, (c->n - at) * sizeof *c->list);
    c->list[at] = m;
    c->n++;
    return CARAT_OK;
}

static carat_status insert_text(carat_conversation *c, size_t at, const char *const part[3], carat_err *err)
{
    static const char *const key[3] = {"role", "content", "reasoning"};
    carat_str json = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&json);
    carat_jw_open(&w, '{');
    for (int i = 0; i < 3; i++)
        if (part[i]) {
            carat_jw_put_text(&w, key[i], part[i]);
        }
    carat_jw_close(&w);
    carat_status st = insert(c, at, part[0], &json, err);
    carat_str_free(&json);
    return st;
}

carat_status carat_conversation_add(carat_conversation *c, const char *role, const char *content,
                                    const char *thought, carat_err *err)
{
    return insert_text(c, c->n, (const char *const[3]){role, content, thought}, err);
}

carat_status carat_conversation_system(carat_conversation *c, const char *text, carat_err *err)
{
    if (c->n && strcmp(c->list[0].role, "system") == 0) {
        free_message(&c->list[0]);
        memmove(c->list, c->list + 1, --c->n * sizeof *c->list);
    }
    return text ? insert_text(c, 0, (const char *const[3]){"system", text, NULL}, err) : CARAT_OK;
}

/* ---- ids ----------------------------------------------------------------------------------------------------- */

static void put_request(const carat_conversation *c, bool generate, carat_str *out)
{
    carat_str_puts(out, "{\"messages\": [");
    for (size_t i = 0; i < c->n; i++)
        carat_str_printf(out, "%s\n%s", i ? "," : "", c->list[i].json);
    carat_str_printf(out, "],\n\"enable_thinking\": %s%s}\n", c->thinking ? "true" : "false",
                     generate ? ", \"add_generation_prompt\": true" : "");
}

/* ids of what was said, then those of the rest of the prompt. */
static carat_status go_on_said(const carat_conversation *c, const carat_tokenizer *t, const char *rest,
                               int32_t **ids, size_t *n, carat_err *err)
{
    int32_t *more, *all = NULL;
    size_t n_more, cap = 0;
    carat_status st = carat_encode(t, rest, strlen(rest), 0, &more, &n_more, err);
    if (st)
        return st;
    if (!(st = carat_grow((void **)&all, &cap, c->n_said + n_more + 1, sizeof *all, err))) {
        memcpy(all, c->said_ids, c->n_said * sizeof *all);
        memcpy(all + c->n_said, more, n_more * sizeof *all);
        *ids = all;
        *n = c->n_said + n_more;
    }
    carat_release(more);
    return st;
}

carat_status carat_conversation_ids(carat_conversation *c, const carat_tokenizer *t, int32_t **ids, size_t *n,
                                    carat_err *err)
{
    carat_str request = CARAT_STR_INIT;
    char *prompt = NULL;
    size_t len, said = c->said ? strlen(c->said) : 0;
    put_request(c, true, &request);
    carat_status st = carat_str_check(&request, err);
    if (!st)
        st = carat_chat_render(c->edition, request.data, request.len, &prompt, &len, err);
    carat_str_free(&request);
    if (st)
        return st;
    /* Tokens never reach over the edge of a special one, so there the text may be cut. */
    if (said && len > said && memcmp(prompt, c->said, said) == 0 && carat_starts(prompt + said, turn_end))
        st = go_on_said(c, t, prompt + said, ids, n, err);
    else
        st = carat_encode(t, prompt, len, 0, ids, n, err);
    carat_release(prompt);
    return st;
}

carat_status carat_conversation_said(carat_conversation *c, const carat_tokenizer *t, const int32_t *ids,
                                     size_t n, carat_err *err)
{
    size_t cap = 0, len;
    forget_said(c);
    carat_status st = carat_grow((void **)&c->said_ids, &cap, n + 1, sizeof *ids, err);
    if (st || (st = carat_decode(t, ids, n, 0, &c->said, &len, err)))
        return st;
    memcpy(c->said_ids, ids, n * sizeof *ids);
    c->n_said = n;
    return CARAT_OK;
}

/* ---- files --------------------------------------------------------------------------------------------------- */

carat_status carat_conversation_save(const carat_conversation *c, const char *path, carat_err *err)
{
    carat_str out = CARAT_STR_INIT;
    put_request(c, false, &out);
    carat_status st = carat_str_check(&out, err);
    if (!st && carat_is_file(path) && !carat_file_begins(path, "{\"messages\""))
        st = carat_fail(err, CARAT_EUSAGE, "%s: is there already, and is no conversation; take another name",
                        path);
    if (!st)
        st = carat_write_file(path, out.data, out.len, err);
    carat_str_free(&out);
    return st;
}

static carat_status load_message(carat_conversation *c, const carat_json *node, carat_err *err)
{
    const char *role;
    carat_str json = CARAT_STR_INIT;
    if (!carat_json_is_object(node))
        return carat_fail(err, CARAT_EFORMAT, "message %zu is not an object", c->n);
    carat_status st = carat_json_text(carat_json_get(node, "role"), "role", &role, err);
    if (!st && !(st = carat_json_print(node, &json, err)))
        st = insert(c, c->n, role, &json, err);
    carat_str_free(&json);
    return st;
}

carat_status carat_conversation_load(carat_conversation *c, const char *path, carat_err *err)
{
    enum { MOST = 64 << 20 };
    carat_json *root;
    carat_conversation fresh = {.edition = c->edition, .thinking = c->thinking};
    carat_status st = carat_json_load(path, MOST, &root, err);
    if (st)
        return st;
    const carat_json *list = carat_json_is_array(root) ? root : carat_json_get(root, "messages");
    const carat_json *think = carat_json_get(root, "enable_thinking");
    if (!carat_json_is_array(list))
        st = carat_fail(err, CARAT_EFORMAT, "%s: no list of messages", path);
    if (!st && think)
        st = carat_json_flag(think, "enable_thinking", &fresh.thinking, err);
    for (const carat_json *m = carat_json_first(list); m && !st; m = carat_json_next(m))
        st = load_message(&fresh, m, err);
    carat_json_free(root);
    if (st) {
        carat_conversation_free(&fresh);
        return st;
    }
    carat_conversation_free(c);
    *c = fresh;
    return CARAT_OK;
}
