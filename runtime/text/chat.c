/* Messages -> prompt, byte for byte as the official chat template.                SPDX-License-Identifier: Apache-2.0
 *
 * Follows the edition of 2026-07-09, and what transformers' apply_chat_template does before it: null fields of a message count as
 * absent, and reasoning may be called reasoning_content, thinking or reasoning. Value formats are in argument.c, tools in declare.c. */
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/text/chat.h"
#include "runtime/text/pystr.h"

enum { MAX_MESSAGES = 100000 }; /* Jinja's sandbox ends there */

/* What the last printed thing was, as the template tracks it. */
typedef enum last { LAST_OTHER, LAST_CALL, LAST_RESPONSE } last;

typedef struct turns {
    carat_chat c;
    const carat_value **message; /* behind a leading system message */
    size_t n, last_user;         /* the index of the last user message, if there is one */
    bool has_user, thinking, preserve, large;
    bool model_open; /* the last message that was not a tool's had the role assistant */
    last last;
} turns;

static void put(turns *t, const char *text)
{
    carat_str_puts(t->c.out, text);
}

static void put_span(turns *t, carat_span s)
{
    carat_str_add(t->c.out, s.data, s.len);
}

static const carat_value *get(turns *t, const carat_value *message, const char *key)
{
    return carat_chat_get(&t->c, message, "a message", key);
}

static bool has_role(const carat_value *message, const char *role)
{
    return carat_value_is(carat_value_get(message, "role"), role);
}

/* v | trim of any value. */
static void put_trimmed(turns *t, const carat_value *v)
{
    carat_str text = CARAT_STR_INIT;
    carat_value_str(&text, v);
    put_span(t, carat_strip((carat_span){text.data, text.len}));
    t->c.out->failed |= text.failed;
    carat_str_free(&text);
}

/* ---- the system turn ---------------------------------------------------------------------------------------- */

static void put_system(turns *t, const carat_value *content)
{
    carat_each e;
    if (content->kind == CARAT_STRING) {
        put_trimmed(t, content);
    } else if (carat_each_begin(&e, content)) {
        for (const carat_value *item; (item = carat_each_next(&e));) {
            put_trimmed(t, carat_value_get(item, "text"));
            put(t, " ");
        }
    }
}

static void put_opening(turns *t, const carat_value *system, const carat_value *tools)
{
    if (!t->thinking && !tools->count && !system)
        return;
    put(t, t->thinking ? "<|turn>system\n<|think|>\n" : "<|turn>system\n");
    if (system)
        put_system(t, carat_value_get(system, "content"));
    for (const carat_value *tool = tools->first; tool && !t->c.status; tool = tool->next) {
        put(t, "<|tool>");
        carat_chat_declare(&t->c, tool);
        put(t, "<tool|>");
    }
    put(t, "<turn|>\n");
}

/* ---- one message -------------------------------------------------------------------------------------------- */

/* What the model thought: `reasoning` first, else what transformers finds under the other names. */
static void put_thought(turns *t, size_t at, bool calls)
{
    static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
    const carat_value *m = t->message[at], *thought = get(t, m, "reasoning");
    for (size_t i = 0; !carat_value_true(thought) && i < 3; i++) {
        thought = get(t, m, names[i]);
        if (thought->kind != CARAT_NONE)
            break;
    }
    bool shown = !t->has_user || at > t->last_user || (t->preserve && calls);
    if (!shown || !carat_value_true(thought))
        return;
    put(t, "<|channel>thought\n");
    carat_chat_add(&t->c, thought, "the reasoning of a message");
    put(t, "\n<channel|>");
}

static void put_call(turns *t, const carat_value *call)
{
    const carat_value *function = carat_value_get(call, "function");
    const carat_value *name = carat_chat_item(&t->c, function, "tool_calls[].function", "name");
    const carat_value *arguments = carat_value_get(function, "arguments");
    put(t, "<|tool_call>call:");
    carat_chat_add(&t->c, name, "the name of a called function");
    if (arguments->kind == CARAT_MAP)
        carat_chat_argument(&t->c, arguments, false);
    else if (arguments->kind == CARAT_NONE)
        put(t, "{}");
    else
        carat_chat_refuse(&t->c, "tool_calls[].function.arguments must be an object, not %s",
                          arguments->kind == CARAT_STRING      ? "a string of JSON"
                          : arguments->kind == CARAT_UNDEFINED ? "absent"
                                                               : "another value");
    put(t, "<tool_call|>");
}

static void put_response(turns *t, const carat_value *name, const carat_value *response)
{
    put(t, "<|tool_response>response:");
    carat_chat_add(&t->c, name, "the name of a tool");
    if (response->kind == CARAT_MAP) {
        carat_chat_argument(&t->c, response, false);
    } else {
        put(t, "{value:");
        carat_chat_argument(&t->c, response, false);
        put(t, "}");
    }
    put(t, "<tool_response|>");
}

static const carat_value unknown = {.kind = CARAT_STRING, .text = {"unknown", 7}};

/* The placeholder of a part of a message that is an image, a sound or a video; nothing for other parts. */
static void put_medium(turns *t, const carat_value *type)
{
    if (carat_value_is(type, "image") || carat_value_is(type, "image_url"))
        put(t, "<|image|>");
    else if (carat_value_is(type, "audio") || carat_value_is(type, "input_audio"))
        put(t, "<|audio|>");
    else if (carat_value_is(type, "video"))
        put(t, "<|video|>");
}

static const carat_value *part_get(turns *t, const carat_value *part, const char *key)
{
    return carat_chat_get(&t->c, part, "a part of a message", key);
}

/* Parts of a tool's answer: their texts are one value, the media follow behind the block. */
static void put_parts_response(turns *t, const carat_value *name, const carat_value *parts)
{
    carat_each e;
    carat_str text = CARAT_STR_INIT, *out = t->c.out;
    t->c.out = &text;
    carat_each_begin(&e, parts);
    for (const carat_value *part; !t->c.status && (part = carat_each_next(&e));)
        if (carat_value_is(part_get(t, part, "type"), "text"))
            carat_chat_add(&t->c, carat_value_get(part, "text"), "the text of a tool's answer");
    t->c.out = out;
    out->failed |= text.failed;
    carat_value all = {.kind = CARAT_STRING, .text = {text.data, text.len}};
    put_response(t, name, &all);
    carat_each_begin(&e, parts);
    for (const carat_value *part; !t->c.status && (part = carat_each_next(&e));)
        put_medium(t, part_get(t, part, "type"));
    carat_str_free(&text);
}

/* Who answers: the last call with the answer's id (both may lack one), else the answer's own name. */
static const carat_value *name_of(turns *t, const carat_value *calls, const carat_value *answer)
{
    const carat_value *name = get(t, answer, "name"), *id = get(t, answer, "tool_call_id");
    carat_each e;
    carat_each_begin(&e, calls);
    if (!carat_value_true(name))
        name = &unknown;
    for (const carat_value *call; !t->c.status && (call = carat_each_next(&e));)
        if (carat_value_same(carat_chat_get(&t->c, call, "a tool call", "id"), id))
            name = carat_value_get(carat_value_get(call, "function"), "name");
    return name;
}

/* The answers to the calls of message `at`; true if there are some. */
static bool put_answers(turns *t, size_t at, const carat_value *calls)
{
    const carat_value *legacy = get(t, t->message[at], "tool_responses");
    carat_each e;
    bool some = false;
    if (carat_value_true(legacy)) {
        carat_chat_each(&t->c, &e, legacy, "tool_responses");
        for (const carat_value *r; !t->c.status && (r = carat_each_next(&e)); some = true) {
            const carat_value *name = carat_value_get(r, "name");
            put_response(t, carat_value_true(name) ? name : &unknown, carat_value_get(r, "response"));
        }
        return some;
    }
    for (size_t k = at + 1; calls && k < t->n && !t->c.status && has_role(t->message[k], "tool"); k++) {
        const carat_value *name = name_of(t, calls, t->message[k]);
        const carat_value *body = get(t, t->message[k], "content");
        if (body->kind == CARAT_LIST || body->kind == CARAT_MAP)
            put_parts_response(t, name, body);
        else
            put_response(t, name, body);
        some = true;
    }
    return some;
}

/* Text of the model without its thoughts: what stands between <|channel> and <channel|>, or up to the end. */
static void put_thoughtless(turns *t, const carat_value *text)
{
    static const char open[] = "<|channel>", close[] = "<channel|>";
    carat_str kept = CARAT_STR_INIT;
    if (text->kind != CARAT_STRING) {
        carat_chat_refuse(&t->c, "the text of a message is not a string");
        return;
    }
    const char *p = text->text.data, *end = p + text->text.len;
    while (p) {
        const char *stop = memmem(p, (size_t)(end - p), close, sizeof close - 1);
        size_t len = (size_t)((stop ? stop : end) - p);
        const char *thought = memmem(p, len, open, sizeof open - 1);
        carat_str_add(&kept, p, thought ? (size_t)(thought - p) : len);
        p = stop ? stop + sizeof close - 1 : NULL;
    }
    put_span(t, carat_strip((carat_span){kept.data, kept.len}));
    t->c.out->failed |= kept.failed;
    carat_str_free(&kept);
}

static void put_text(turns *t, const carat_value *text, bool model)
{
    if (model)
        put_thoughtless(t, text);
    else
        put_trimmed(t, text);
}

/* true if anything but white space was printed */
static bool put_content(turns *t, const carat_value *content, bool model)
{
    size_t from = t->c.out->len;
    carat_each e;
    if (content->kind == CARAT_STRING) {
        put_text(t, content, model);
    } else if (carat_each_begin(&e, content)) {
        for (const carat_value *part; !t->c.status && (part = carat_each_next(&e));) {
            const carat_value *type = part_get(t, part, "type");
            if (carat_value_is(type, "text"))
                put_text(t, carat_value_get(part, "text"), model);
            else
                put_medium(t, type);
        }
    }
    return carat_strip((carat_span){t->c.out->data + from, t->c.out->len - from}).len > 0;
}

static void put_message(turns *t, size_t at)
{
    const carat_value *m = t->message[at], *role = carat_value_get(m, "role");
    bool assistant = carat_value_is(role, "assistant"), model = assistant || carat_value_is(role, "model");
    t->last = LAST_OTHER;
    if (!model || !t->model_open) {
        put(t, "<|turn>");
        if (assistant)
            put(t, "model");
        else
            carat_chat_add(&t->c, role, "the role of a message");
        put(t, "\n");
    }
    const carat_value *calls = get(t, m, "tool_calls");
    bool called = carat_value_true(calls);
    put_thought(t, at, called);
    carat_each e;
    if (called && carat_chat_each(&t->c, &e, calls, "tool_calls"))
        for (const carat_value *call; !t->c.status && (call = carat_each_next(&e)); t->last = LAST_CALL)
            put_call(t, call);
    bool answered = put_answers(t, at, called ? calls : NULL);
    bool content = put_content(t, get(t, m, "content"), model);
    size_t next = at + 1;
    while (next < t->n && has_role(t->message[next], "tool"))
        next++;
    bool continues = model && next < t->n && has_role(t->message[next], "assistant") && (!called || answered);
    t->last = answered ? LAST_RESPONSE : t->last;
    if (t->last == LAST_CALL)
        put(t, "<|tool_response>");
    else if (!continues && !(answered && !content && next == t->n))
        put(t, "<turn|>\n");
    t->model_open = assistant;
}

/* ---- the request -------------------------------------------------------------------------------------------- */

static void put_generation(turns *t)
{
    if (t->last == LAST_OTHER)
        put(t, t->large && !t->thinking ? "<|turn>model\n<|channel>thought\n<channel|>" : "<|turn>model\n");
    else if (t->last == LAST_RESPONSE && t->thinking)
        put(t, "<|channel>thought\n");
}

/* Messages into t->message, but for a leading system message, which is returned. */
static const carat_value *take_messages(turns *t, const carat_value *messages)
{
    const carat_value *system = NULL;
    t->message = carat_arena_alloc(t->c.arena, messages->count + 1, sizeof *t->message, t->c.err);
    if (!t->message) {
        t->c.status = CARAT_ENOMEM;
        return NULL;
    }
    if (messages->kind != CARAT_LIST || !messages->count)
        carat_chat_refuse(&t->c, "\"messages\" should be a list of at least one message");
    if (messages->count > MAX_MESSAGES)
        carat_chat_refuse(&t->c, "%zu messages, at most %d", messages->count, MAX_MESSAGES);
    for (const carat_value *m = messages->first; m && !t->c.status; m = m->next) {
        if (m->kind != CARAT_MAP)
            carat_chat_refuse(&t->c, "a message is not an object");
        if (m == messages->first && (has_role(m, "system") || has_role(m, "developer"))) {
            system = m;
            continue;
        }
        if (has_role(m, "user")) {
            t->last_user = t->n;
            t->has_user = true;
        }
        t->message[t->n++] = m;
    }
    return system;
}

static const carat_value *check_request(carat_chat *c, const carat_value *request)
{
    const carat_value *tools = carat_value_get(request, "tools");
    if (request->kind != CARAT_MAP)
        carat_chat_refuse(c, "the request is not an object");
    if (!c->status && carat_value_true(carat_value_get(request, "continue_final_message")))
        c->status = carat_fail(c->err, CARAT_ESUPPORT, "carat does not render continue_final_message");
    carat_each e;
    if (tools->kind != CARAT_NONE && carat_chat_each(c, &e, tools, "\"tools\""))
        for (const carat_value *tool; !c->status && (tool = carat_each_next(&e));)
            if (tool->kind != CARAT_MAP)
                carat_chat_refuse(c, "a tool is not an object");
    return tools;
}

static carat_status render(turns *t, carat_span json)
{
    const carat_value *request = &carat_undefined;
    carat_chat *c = &t->c;
    c->status = carat_value_parse(c->arena, json, false, &request, c->err);
    const carat_value *tools = check_request(c, request);
    t->thinking = carat_value_true(carat_value_get(request, "enable_thinking"));
    t->preserve = carat_value_true(carat_value_get(request, "preserve_thinking"));
    const carat_value *system = c->status ? NULL : take_messages(t, carat_value_get(request, "messages"));
    put(t, "<bos>");
    if (!c->status)
        put_opening(t, system, tools);
    for (size_t i = 0; i < t->n && !c->status; i++)
        if (!has_role(t->message[i], "tool"))
            put_message(t, i);
    if (carat_value_true(carat_value_get(request, "add_generation_prompt")))
        put_generation(t);
    return c->status ? c->status : carat_str_check(c->out, c->err);
}

carat_status carat_chat_render(carat_edition edition, const char *request, size_t len, char **prompt,
                               size_t *prompt_len, carat_err *err)
{
    carat_arena arena = {0};
    carat_str out = CARAT_STR_INIT;
    turns t = {.c = {&out, &arena, CARAT_OK, err}, .large = edition == CARAT_EDITION_LARGE};
    carat_status st = render(&t, (carat_span){request, len});
    if (!st) {
        *prompt_len = out.len;
        *prompt = carat_str_take(&out);
    }
    carat_str_free(&out);
    carat_arena_free(&arena);
    return st;
}

static void put_turn(carat_jw *w, const char *role, const char *text)
{
    if (!text)
        return;
    carat_jw_open(w, '{');
    carat_jw_put_text(w, "role", role);
    carat_jw_put_text(w, "content", text);
    carat_jw_close(w);
}

carat_status carat_chat_frame(carat_edition edition, const char *system, const char *user, char **prompt,
                              carat_err *err)
{
    carat_str request = CARAT_STR_INIT;
    carat_jw w = carat_jw_begin(&request);
    size_t len;
    carat_jw_open(&w, '{');
    carat_jw_key(&w, "messages");
    carat_jw_open(&w, '[');
    put_turn(&w, "system", system);
    put_turn(&w, "user", user);
    carat_jw_close(&w);
    carat_jw_put_bool(&w, "add_generation_prompt", true);
    carat_jw_close(&w);
    carat_status st = carat_str_check(&request, err);
    if (!st)
        st = carat_chat_render(edition, request.data, request.len, prompt, &len, err);
    carat_str_free(&request);
    return st;
}
