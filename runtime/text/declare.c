/* Tool declarations: JSON schema -> the system turn.                              SPDX-License-Identifier: Apache-2.0
 *
 * Follows format_function_declaration and format_parameters of the official template, its quirks included: a property prints
 * `type` last and always, an enum only beside STRING, an object without properties prints its unknown keys as if they were some. */
#include <string.h>

#include "runtime/text/chat.h"

static void put(carat_chat *c, const char *text)
{
    carat_str_puts(c->out, text);
}

/* <|"|>v<|"|> for any value. */
static void put_quoted(carat_chat *c, const carat_value *v)
{
    put(c, "<|\"|>");
    carat_value_str(c->out, v);
    put(c, "<|\"|>");
}

/* required:[<|"|>a<|"|>,<|"|>b<|"|>] */
static void put_required(carat_chat *c, const carat_value *names)
{
    carat_each e;
    put(c, "required:[");
    bool first = true;
    if (carat_chat_each(c, &e, names, "a list of required parameters"))
        for (const carat_value *name; (name = carat_each_next(&e)); first = false) {
            put(c, first ? "" : ",");
            put_quoted(c, name);
        }
    put(c, "]");
}

static void put_parameters(carat_chat *c, const carat_value *properties, bool filter);

static void put_properties(carat_chat *c, const carat_value *properties, bool filter)
{
    put(c, "properties:{");
    put_parameters(c, properties, filter);
    put(c, "}");
}

/* type of array items: a string, or a list of them. */
static void put_item_type(carat_chat *c, const carat_value *type)
{
    put(c, "type:");
    if (type->kind == CARAT_STRING) {
        carat_value upper = carat_chat_upper(c, type);
        carat_chat_argument(c, &upper, true);
        return;
    }
    carat_each e;
    bool first = true;
    put(c, "[");
    if (carat_value_true(type) && carat_chat_each(c, &e, type, "a type of array items"))
        for (const carat_value *one; (one = carat_each_next(&e)); first = false) {
            carat_value upper = carat_chat_upper(c, one);
            put(c, first ? "" : ",");
            carat_chat_argument(c, &upper, true);
        }
    put(c, "]");
}

static void put_item(carat_chat *c, const carat_value *member)
{
    if (carat_span_is(member->key, "properties")) {
        static const carat_value none = {.kind = CARAT_MAP};
        put_properties(c, member->kind == CARAT_MAP ? member : &none, false);
    } else if (carat_span_is(member->key, "required")) {
        put_required(c, member);
    } else if (carat_span_is(member->key, "type")) {
        put_item_type(c, member);
    } else {
        carat_str_add(c->out, member->key.data, member->key.len);
        put(c, ":");
        carat_chat_argument(c, member, true);
    }
}

static void put_items(carat_chat *c, const carat_value *items)
{
    const carat_value **sorted = carat_chat_sorted(c, items);
    bool first = true;
    put(c, "items:{");
    for (size_t i = 0; sorted && i < items->count; i++) {
        if (sorted[i]->kind == CARAT_NONE)
            continue;
        put(c, first ? "" : ",");
        first = false;
        put_item(c, sorted[i]);
    }
    put(c, "}");
}

/* A comma from the second field on. */
static void comma(carat_chat *c, bool *some)
{
    put(c, *some ? "," : "");
    *some = true;
}

static void put_object(carat_chat *c, const carat_value *schema, bool *some)
{
    const carat_value *properties = carat_value_get(schema, "properties");
    const carat_value *required = carat_value_get(schema, "required");
    bool given = properties->kind == CARAT_MAP;
    comma(c, some);
    put_properties(c, given ? properties : schema, !given);
    if (carat_value_true(required)) {
        comma(c, some);
        put_required(c, required);
    }
}

/* {...} of one parameter; a schema that is no object has no keys. */
static void put_schema(carat_chat *c, const carat_value *schema)
{
    const carat_value *description = carat_value_get(schema, "description");
    const carat_value *choices = carat_value_get(schema, "enum"), *items = carat_value_get(schema, "items");
    carat_value type = carat_chat_upper(c, carat_value_get(schema, "type"));
    bool some = false;
    put(c, "{");
    if (carat_value_true(description)) {
        comma(c, &some);
        put(c, "description:");
        put_quoted(c, description);
    }
    if (carat_value_is(&type, "STRING") && carat_value_true(choices)) {
        comma(c, &some);
        put(c, "enum:");
        carat_chat_argument(c, choices, true);
    } else if (carat_value_is(&type, "ARRAY") && items->kind == CARAT_MAP && items->count) {
        comma(c, &some);
        put_items(c, items);
    }
    if (carat_value_true(carat_value_get(schema, "nullable"))) {
        comma(c, &some);
        put(c, "nullable:true");
    }
    if (carat_value_is(&type, "OBJECT"))
        put_object(c, schema, &some);
    comma(c, &some);
    put(c, "type:");
    put_quoted(c, &type);
    put(c, "}");
}

static bool is_standard(carat_span key)
{
    return carat_span_is(key, "description") || carat_span_is(key, "type") ||
           carat_span_is(key, "properties") || carat_span_is(key, "required") ||
           carat_span_is(key, "nullable");
}

/* k:{...},... sorted; `filter` leaves out the keys that describe the object itself. */
static void put_parameters(carat_chat *c, const carat_value *properties, bool filter)
{
    if (properties->kind != CARAT_MAP) {
        carat_chat_refuse(c, "the properties of a tool are not an object");
        return;
    }
    const carat_value **sorted = carat_chat_sorted(c, properties);
    bool first = true;
    for (size_t i = 0; sorted && i < properties->count && !c->status; i++) {
        carat_span key = sorted[i]->key;
        if (filter && is_standard(key))
            continue;
        put(c, first ? "" : ",");
        first = false;
        carat_str_add(c->out, key.data, key.len);
        put(c, ":");
        put_schema(c, sorted[i]);
    }
}

static void put_response(carat_chat *c, const carat_value *function)
{
    const carat_value *response = carat_value_get(function, "response");
    const carat_value *description = carat_chat_item(c, response, "a tool's response", "description");
    carat_value type = carat_chat_upper(c, carat_value_get(response, "type"));
    put(c, ",response:{");
    if (carat_value_true(description)) {
        put(c, "description:");
        put_quoted(c, description);
        put(c, ",");
    }
    if (carat_value_is(&type, "OBJECT"))
        put(c, "type:<|\"|>OBJECT<|\"|>}");
}

/* 'response' in function: a key of an object; lists and strings are searched, and nothing else can be. */
static bool has_response(carat_chat *c, const carat_value *function)
{
    carat_each e;
    if (function->kind == CARAT_STRING)
        return memmem(function->text.data, function->text.len, "response", strlen("response")) != NULL;
    if (carat_chat_each(c, &e, function, "a tool's function"))
        for (const carat_value *item; (item = carat_each_next(&e));)
            if (carat_value_is(item, "response"))
                return true;
    return false;
}

void carat_chat_declare(carat_chat *c, const carat_value *tool)
{
    const carat_value *function = carat_value_get(tool, "function");
    put(c, "declaration:");
    carat_value_str(c->out, carat_chat_item(c, function, "a tool's function", "name"));
    put(c, "{description:");
    put_quoted(c, carat_value_get(function, "description"));
    const carat_value *parameters = carat_value_get(function, "parameters");
    if (carat_value_true(parameters)) {
        const carat_value *properties = carat_value_get(parameters, "properties");
        const carat_value *required = carat_value_get(parameters, "required");
        const carat_value *type = carat_value_get(parameters, "type");
        put(c, ",parameters:{");
        if (carat_value_true(properties)) {
            put_properties(c, properties, false);
            put(c, ",");
        }
        if (carat_value_true(required)) {
            put_required(c, required);
            put(c, ",");
        }
        if (carat_value_true(type)) {
            carat_value upper = carat_chat_upper(c, type);
            put(c, "type:");
            put_quoted(c, &upper);
            put(c, "}");
        }
    }
    if (has_response(c, function))
        put_response(c, function);
    put(c, "}");
}
