/* carat text render and parse: requests -> prompts, replies -> messages.          SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/tensor/store.h"
#include "runtime/text/value.h"
#include "runtime/tool/text.h"

static carat_status named_edition(const char *name, carat_edition *out, carat_err *err)
{
    if (strcmp(name, "small") == 0)
        *out = CARAT_EDITION_SMALL;
    else if (strcmp(name, "large") == 0)
        *out = CARAT_EDITION_LARGE;
    else if (strcmp(name, "auto") != 0)
        return carat_fail(err, CARAT_EUSAGE, "--template %s: it is auto, large or small", name);
    return CARAT_OK;
}

carat_status carat_text_edition(carat_text_job *j)
{
    const char *model = j->args->common.pos[1], *name = j->args->template ? j->args->template : "auto";
    const carat_talk *talk = &j->args->common.talk;
    carat_edition asked = 0, shipped = 0;
    char *dir = NULL;
    carat_err why = {0};
    carat_status st = named_edition(name, &asked, j->err);
    if (st)
        return st;
    if (carat_is_file(model))
        st = carat_fail(&why, CARAT_ESUPPORT, "%s: a file says nothing of a chat template", model);
    else if ((st = carat_store_resolve(model, &dir, j->err)))
        return st;
    else
        st = carat_chat_edition(dir, &shipped, &why);
    free(dir);
    if (st && st != CARAT_ESUPPORT)
        return carat_fail(j->err, st, "%s", why.text);
    if (!asked && st)
        return carat_fail(j->err, st, "%s; --template large or small renders with the edition of 2026-07-09",
                          why.text);
    if (asked && st && !carat_is_file(model))
        carat_note(talk, "%s; rendered with the %s edition of 2026-07-09, as asked", why.text, name);
    else if (asked && !st && asked != shipped)
        carat_note(talk, "%s ships the %s edition of the chat template; rendered with the %s one, as asked",
                   model, shipped == CARAT_EDITION_LARGE ? "large" : "small", name);
    j->edition = asked ? asked : shipped;
    return CARAT_OK;
}

static carat_status render(carat_text_job *j, bool line)
{
    char *prompt;
    size_t len;
    carat_status st = carat_chat_render(j->edition, j->in.data, j->in.len, &prompt, &len, j->err);
    if (st)
        return st;
    if (j->args->ids) {
        st = carat_text_put_ids(j, prompt, len);
    } else if (line) {
        carat_jw w = carat_jw_begin(&j->out);
        carat_jw_bytes(&w, prompt, len);
        carat_str_putc(&j->out, '\n');
    } else {
        carat_str_add(&j->out, prompt, len);
    }
    carat_release(prompt);
    return st;
}

/* A string member, absent or null: "". */
static carat_status string_of(const carat_value *request, const char *key, carat_span *out, carat_err *err)
{
    const carat_value *v = carat_value_get(request, key);
    *out = (carat_span){"", 0};
    if (v->kind == CARAT_STRING)
        *out = v->text;
    else if (v->kind != CARAT_NONE && v->kind != CARAT_UNDEFINED)
        return carat_fail(err, CARAT_EFORMAT, "\"%s\" is not a string", key);
    return CARAT_OK;
}

static carat_status parse_reply(carat_text_job *j, const carat_value *request)
{
    carat_span text, prefix;
    carat_reply *r = NULL;
    const char *json;
    size_t len;
    const carat_value *tools = carat_value_get(request, "tools");
    if (request->kind != CARAT_MAP || carat_value_get(request, "text")->kind != CARAT_STRING)
        return carat_fail(j->err, CARAT_EFORMAT, "a reply is an object with a string \"text\"");
    carat_status st = string_of(request, "text", &text, j->err);
    st = st ? st : string_of(request, "prefix", &prefix, j->err);
    carat_str_clear(&j->buffer);
    carat_value_json(&j->buffer, tools);
    st = st ? st : carat_str_check(&j->buffer, j->err);
    st = st ? st : carat_reply_open(prefix.data, prefix.len, j->buffer.data, NULL, NULL, &r, j->err);
    st = st ? st : carat_reply_push(r, text.data, text.len, j->err);
    st = st ? st : carat_reply_finish(r, &json, &len, j->err);
    if (!st) {
        carat_str_add(&j->out, json, len);
        carat_str_putc(&j->out, '\n');
    }
    carat_reply_close(r);
    return st;
}

static carat_status parse(carat_text_job *j)
{
    carat_arena arena = {0};
    const carat_value *request;
    carat_status st = carat_value_parse(&arena, (carat_span){j->in.data, j->in.len}, false, &request, j->err);
    st = st ? st : parse_reply(j, request);
    carat_arena_free(&arena);
    return st;
}

/* Refused input is an answer too. */
static carat_status or_error(carat_text_job *j, carat_status st)
{
    if (st != CARAT_EFORMAT && st != CARAT_ESUPPORT)
        return st;
    carat_jw w = carat_jw_begin(&j->out);
    carat_jw_open(&w, '{');
    carat_jw_put_text(&w, "error", j->err->text);
    *j->err = (carat_err){0};
    carat_jw_close(&w);
    carat_str_putc(&j->out, '\n');
    return CARAT_OK;
}

carat_status carat_text_render_all(carat_text_job *j)
{
    return render(j, false);
}

carat_status carat_text_render_line(carat_text_job *j)
{
    return or_error(j, render(j, true));
}

carat_status carat_text_parse_all(carat_text_job *j)
{
    return parse(j);
}

carat_status carat_text_parse_line(carat_text_job *j)
{
    return or_error(j, parse(j));
}
