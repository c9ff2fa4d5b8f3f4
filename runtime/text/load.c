/* tokenizer.json -> carat_tokenizer.                                              SPDX-License-Identifier: Apache-2.0
 *
 * Understands the shape of Gemma's file and refuses, by name, everything else that would change a result. The two huge tables
 * are scanned in place; the small parts go through base/json.h. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/json.h"
#include "runtime/base/mem.h"
#include "runtime/text/tokenizer.h"

enum {
    FILE_MAX = 256 << 20, /* bytes; Gemma's file has 32 MB */
    PART_MAX = 16 << 20,  /* bytes of a part that becomes a tree */
};
static const char MARK[] = "\xe2\x96\x81"; /* "▁" */

typedef struct loader loader;
typedef carat_status read_fn(loader *l, carat_scan *s);

/* A member of an object of the file. */
typedef struct part {
    const char *name;
    read_fn *read;    /* NULL: value is kept for later */
    carat_span value; /* data NULL: absent */
} part;

enum {
    VERSION,
    TRUNCATION,
    PADDING,
    ADDED_TOKENS,
    NORMALIZER,
    PRE_TOKENIZER,
    POST_PROCESSOR,
    DECODER,
    MODEL,
    FILE_PARTS
};
enum {
    TYPE,
    DROPOUT,
    UNK_TOKEN,
    PREFIX,
    SUFFIX,
    FUSE_UNK,
    BYTE_FALLBACK,
    IGNORE_MERGES,
    VOCAB,
    MERGES,
    MODEL_PARTS
};

struct loader {
    carat_tokenizer *t;
    part file[FILE_PARTS], model[MODEL_PARTS];
    carat_scan merges; /* p NULL, or where they stand, if that is before the vocabulary */
    carat_err *err;
};

/* ---- the file's outer shape ----------------------------------------------------------------------------------------- */

static carat_status read_part(loader *l, carat_scan *s, part *p)
{
    if (p->value.data)
        return carat_fail(l->err, CARAT_EFORMAT, "\"%s\" stands twice in one object", p->name);
    if (!p->read) {
        carat_scan_skip(s, &p->value);
        return CARAT_OK;
    }
    const char *begin = s->p;
    carat_status st = p->read(l, s);
    p->value = (carat_span){begin, (size_t)(s->p - begin)};
    return st;
}

/* Finds the members of one object; each may come once, and all must be known. What is wrong in the JSON is left in s. */
static carat_status read_parts(loader *l, carat_scan *s, part *parts, size_t n)
{
    carat_str buffer = CARAT_STR_INIT;
    carat_status st = CARAT_OK;
    for (bool more = carat_scan_open(s, '{'); more && !st; more = !st && carat_scan_more(s, '}')) {
        carat_span key;
        if (!carat_scan_key(s, &buffer, &key))
            break;
        size_t i = 0;
        while (i < n && !carat_span_is(key, parts[i].name))
            i++;
        if (i < n)
            st = read_part(l, s, &parts[i]);
        else
            st = carat_fail(l->err, CARAT_ESUPPORT, "\"%.*s\" is not known to carat and may change the ids",
                            (int)(key.len < 60 ? key.len : 60), key.data);
    }
    carat_str_free(&buffer);
    return st;
}

/* The tree of a part; NULL if it is absent or null. */
static carat_status parse_part(loader *l, const part *p, carat_json **out)
{
    *out = NULL;
    if (!p->value.data)
        return CARAT_OK;
    if (p->value.len > PART_MAX)
        return carat_fail(l->err, CARAT_ESUPPORT, "%s: %zu bytes; carat reads up to %d", p->name,
                          p->value.len, PART_MAX);
    carat_status st = carat_json_parse(p->value.data, p->value.len, out, l->err);
    if (st)
        return carat_fail_in(l->err, st, p->name);
    if (carat_json_is_null(*out)) {
        carat_json_free(*out);
        *out = NULL;
    }
    return CARAT_OK;
}

/* ---- small parts: the only settings that carat serves ----------------------------------------------------------- */

static const char *text_of(const carat_json *n)
{
    const char *s;
    return carat_json_text(n, "", &s, NULL) ? NULL : s;
}

static bool text_is(const carat_json *obj, const char *key, const char *want)
{
    const char *s = text_of(carat_json_get(obj, key));
    return s && strcmp(s, want) == 0;
}

static carat_status refuse(loader *l, const part *p, const carat_json *node, const char *known)
{
    const char *type = text_of(carat_json_get(node, "type"));
    return carat_fail(l->err, CARAT_ESUPPORT, "%s %.60s is not served: carat knows %s", p->name,
                      type                         ? type
                      : carat_json_is_object(node) ? "of no type"
                                                   : "of this kind",
                      known);
}

static bool is_replace(const carat_json *n, const char *from, const char *to)
{
    return text_is(n, "type", "Replace") && text_is(carat_json_get(n, "pattern"), "String", from) &&
           text_is(n, "content", to);
}

typedef carat_status check_fn(loader *l, const part *p, const carat_json *node);

static carat_status check_version(loader *l, const part *p, const carat_json *node)
{
    const char *s = text_of(node);
    if (s && strcmp(s, "1.0") == 0)
        return CARAT_OK;
    return carat_fail(l->err, CARAT_ESUPPORT, "%s %.20s: carat reads 1.0", p->name, s ? s : "of no text");
}

static carat_status check_absent(loader *l, const part *p, const carat_json *node)
{
    if (!node)
        return CARAT_OK;
    return carat_fail(l->err, CARAT_ESUPPORT, "%s is set, and would change the ids: set it to null", p->name);
}

static carat_status check_normalizer(loader *l, const part *p, const carat_json *node)
{
    l->t->mark_spaces = node != NULL;
    if (!node || is_replace(node, " ", MARK))
        return CARAT_OK;
    return refuse(l, p, node, "Replace \" \" by \"\xe2\x96\x81\", or none");
}

/* Gemma's Split on " " finds nothing, because the normalizer has left no space. */
static carat_status check_pre_tokenizer(loader *l, const part *p, const carat_json *node)
{
    bool invert = true;
    if (!node)
        return CARAT_OK;
    if (l->t->mark_spaces && text_is(node, "type", "Split") &&
        text_is(carat_json_get(node, "pattern"), "String", " ") &&
        !carat_json_flag(carat_json_get(node, "invert"), "", &invert, NULL) && !invert)
        return CARAT_OK;
    return refuse(l, p, node, "Split on \" \" behind a normalizer that replaces the spaces, or none");
}

/* What it puts around a text is the caller's choice in carat; it must not do more than that. */
static carat_status check_post_processor(loader *l, const part *p, const carat_json *node)
{
    return !node || text_is(node, "type", "TemplateProcessing")
               ? CARAT_OK
               : refuse(l, p, node, "TemplateProcessing, or none");
}

static carat_status check_decoder(loader *l, const part *p, const carat_json *node)
{
    const carat_json *step = carat_json_first(carat_json_get(node, "decoders"));
    bool sequence = text_is(node, "type", "Sequence");
    l->t->unmark_spaces = is_replace(step, MARK, " ");
    if (l->t->unmark_spaces)
        step = carat_json_next(step);
    const carat_json *last = carat_json_next(step);
    if (sequence && text_is(step, "type", "ByteFallback") && text_is(last, "type", "Fuse") &&
        !carat_json_next(last))
        return CARAT_OK;
    return refuse(l, p, node, "Sequence[Replace \"\xe2\x96\x81\" by \" \", ByteFallback, Fuse]");
}

static carat_status check_type(loader *l, const part *p, const carat_json *node)
{
    const char *s = text_of(node);
    if (s && strcmp(s, "BPE") == 0)
        return CARAT_OK;
    return carat_fail(l->err, CARAT_ESUPPORT, "model %s %.60s is not served: carat knows BPE", p->name,
                      s ? s : "of no name");
}

static carat_status check_dropout(loader *l, const part *p, const carat_json *node)
{
    double v = 1;
    if (!node || (!carat_json_f64(node, "", &v, NULL) && v == 0))
        return CARAT_OK;
    return carat_fail(l->err, CARAT_ESUPPORT, "model %s is set: encoding would be a matter of chance",
                      p->name);
}

static carat_status check_empty(loader *l, const part *p, const carat_json *node)
{
    const char *s = text_of(node);
    if (!node || (s && !*s))
        return CARAT_OK;
    return carat_fail(l->err, CARAT_ESUPPORT, "model %s is set: carat knows only null", p->name);
}

static carat_status check_flag(loader *l, const part *p, const carat_json *node, bool want)
{
    bool v = false;
    carat_status st = node ? carat_json_flag(node, p->name, &v, l->err) : CARAT_OK;
    if (st || v == want)
        return st;
    return carat_fail(l->err, CARAT_ESUPPORT, "model %s is %s: carat knows only %s", p->name,
                      v ? "true" : "false", want ? "true" : "false");
}

static carat_status check_true(loader *l, const part *p, const carat_json *node)
{
    return check_flag(l, p, node, true);
}

static carat_status check_false(loader *l, const part *p, const carat_json *node)
{
    return check_flag(l, p, node, false);
}

static carat_status check_parts(loader *l, const part *parts, size_t n, check_fn *const *checks)
{
    carat_status st = CARAT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        carat_json *node = NULL;
        if (!checks[i])
            continue;
        st = parse_part(l, &parts[i], &node);
        if (!st)
            st = checks[i](l, &parts[i], node);
        carat_json_free(node);
    }
    return st;
}

/* ---- the model -------------------------------------------------------------------------------------------------- */

/* Pieces that are one character, by code point. */
static carat_status index_singles(carat_tokenizer *t, carat_err *err)
{
    for (int fill = 0; fill < 2; fill++) {
        for (uint32_t id = 0; id < t->vocab.size; id++) {
            carat_span s = carat_vocab_piece(&t->vocab, id);
            uint32_t cp;
            int skip;
            if (!s.len || (size_t)carat_utf8_get(s.data, s.data + s.len, &cp, &skip) != s.len)
                continue;
            if (fill)
                t->single[cp] = id + 1;
            else if (cp >= t->singles)
                t->singles = cp + 1;
        }
        if (!fill && !(t->single = carat_alloc(t->singles, sizeof *t->single, err)))
            return CARAT_ENOMEM;
    }
    return CARAT_OK;
}

static carat_status find_bytes(carat_tokenizer *t, carat_err *err)
{
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        int32_t id = carat_vocab_find(&t->vocab, (carat_span){name, 6});
        if (id < 0)
            return carat_fail(err, CARAT_EFORMAT, "byte_fallback is true, but vocab has no piece %s", name);
        t->byte_id[i] = (uint32_t)id;
    }
    return CARAT_OK;
}

static carat_status read_vocab(loader *l, carat_scan *s)
{
    /* files begin with the type: say what is the matter before stumbling over another model's tables */
    static check_fn *const early[] = {check_type};
    carat_status st = l->model[TYPE].value.data ? check_parts(l, l->model, 1, early) : CARAT_OK;
    if (!st)
        st = carat_vocab_read(&l->t->vocab, s, l->err);
    return st ? st : index_singles(l->t, l->err);
}

static carat_status read_merges(loader *l, carat_scan *s)
{
    carat_span skipped;
    if (l->t->vocab.slot)
        return carat_merges_read(&l->t->merges, &l->t->vocab, s, l->err);
    l->merges = *s;
    carat_scan_skip(s, &skipped);
    return CARAT_OK;
}

static carat_status read_model(loader *l, carat_scan *s)
{
    return read_parts(l, s, l->model, MODEL_PARTS);
}

static carat_status finish_model(loader *l)
{
    static check_fn *const checks[MODEL_PARTS] = {
        [TYPE] = check_type,    [DROPOUT] = check_dropout,    [PREFIX] = check_empty,
        [SUFFIX] = check_empty, [BYTE_FALLBACK] = check_true, [IGNORE_MERGES] = check_false,
    };
    if (!l->file[MODEL].value.data)
        return carat_fail(l->err, CARAT_EFORMAT, "there is no model");
    carat_status st = check_parts(l, l->model, MODEL_PARTS, checks);
    for (int i = VOCAB; i <= MERGES && !st; i++)
        if (!l->model[i].value.data)
            st = carat_fail(l->err, CARAT_EFORMAT, "model has no %s", l->model[i].name);
    if (!st)
        st = find_bytes(l->t, l->err);
    return st || !l->merges.p ? st : read_merges(l, &l->merges);
}

/* ---- added tokens ----------------------------------------------------------------------------------------------- */

/* Its bytes, id and trait; a token that vocab does not have gets the next id, and must expect that one. */
static carat_status read_added(loader *l, const carat_json *node, uint32_t *id, uint8_t *trait)
{
    static const char *const unserved[] = {"single_word", "lstrip", "rstrip", "normalized"};
    carat_vocab *v = &l->t->vocab;
    const char *content = NULL;
    uint64_t want;
    bool flag;
    carat_status st = carat_json_text(carat_json_get(node, "content"), "added_tokens content", &content,
                                      l->err);
    if (!st)
        st = carat_json_u64(carat_json_get(node, "id"), "added_tokens id", 0, CARAT_VOCAB_MAX, &want, l->err);
    for (size_t i = 0; i < sizeof unserved / sizeof *unserved && !st; i++) {
        st = carat_json_flag(carat_json_get(node, unserved[i]), unserved[i], &flag, l->err);
        if (!st && flag)
            st = carat_fail(l->err, CARAT_ESUPPORT,
                            "added token \"%.60s\" has %s true: carat knows only false", content,
                            unserved[i]);
    }
    if (!st)
        st = carat_json_flag(carat_json_get(node, "special"), "special", &flag, l->err);
    if (st)
        return st;
    *trait = (uint8_t)(CARAT_TRAIT_ADDED | (flag ? CARAT_TRAIT_SPECIAL : 0));
    carat_span piece = {content, strlen(content)};
    int32_t found = carat_vocab_find(v, piece);
    *id = found < 0 ? (uint32_t)v->size : (uint32_t)found;
    if (want != *id)
        return carat_fail(l->err, CARAT_EFORMAT,
                          "added token \"%.60s\" has the id %" PRIu64 ", but %s %" PRIu32, content, want,
                          found < 0 ? "the next free one is" : "vocab gives it", *id);
    return found < 0 ? carat_vocab_append(v, piece, l->err) : CARAT_OK;
}

static carat_status enter_added(loader *l, uint32_t id, uint8_t trait)
{
    carat_tokenizer *t = l->t;
    carat_span piece = carat_vocab_piece(&t->vocab, id);
    if (t->trait[id])
        return carat_fail(l->err, CARAT_EFORMAT, "added token \"%.*s\" stands twice in added_tokens",
                          (int)(piece.len < 60 ? piece.len : 60), piece.data);
    t->trait[id] = trait;
    return carat_finder_add(&t->finder, piece, trait & CARAT_TRAIT_SPECIAL, l->err);
}

static carat_status read_added_tokens(loader *l, const part *p)
{
    carat_tokenizer *t = l->t;
    carat_json *root = NULL;
    carat_status st = parse_part(l, p, &root);
    size_t most = t->vocab.size + carat_json_count(root);
    if (!st && root && !carat_json_is_array(root))
        st = carat_fail(l->err, CARAT_EFORMAT, "added_tokens is not an array");
    if (!st && (!(t->trait = carat_alloc(most, sizeof *t->trait, l->err)) ||
                !(t->byte = carat_alloc(most, sizeof *t->byte, l->err))))
        st = CARAT_ENOMEM;
    for (const carat_json *n = carat_json_first(root); n && !st; n = carat_json_next(n)) {
        uint32_t id;
        uint8_t trait;
        st = read_added(l, n, &id, &trait);
        if (!st)
            st = enter_added(l, id, trait);
    }
    for (uint32_t id = 0; !st && id < t->vocab.size; id++)
        t->byte[id] = (int16_t)carat_span_byte(carat_vocab_piece(&t->vocab, id));
    carat_json_free(root);
    return st;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

/* unk_token and fuse_unk are known but not looked at: with all byte pieces there nothing is unknown. */
static void name_parts(loader *l)
{
    static const part file[FILE_PARTS] = {
        [VERSION] = {.name = "version"},
        [TRUNCATION] = {.name = "truncation"},
        [PADDING] = {.name = "padding"},
        [ADDED_TOKENS] = {.name = "added_tokens"},
        [NORMALIZER] = {.name = "normalizer"},
        [PRE_TOKENIZER] = {.name = "pre_tokenizer"},
        [POST_PROCESSOR] = {.name = "post_processor"},
        [DECODER] = {.name = "decoder"},
        [MODEL] = {.name = "model", .read = read_model},
    };
    static const part model[MODEL_PARTS] = {
        [TYPE] = {.name = "type"},
        [DROPOUT] = {.name = "dropout"},
        [UNK_TOKEN] = {.name = "unk_token"},
        [PREFIX] = {.name = "continuing_subword_prefix"},
        [SUFFIX] = {.name = "end_of_word_suffix"},
        [FUSE_UNK] = {.name = "fuse_unk"},
        [BYTE_FALLBACK] = {.name = "byte_fallback"},
        [IGNORE_MERGES] = {.name = "ignore_merges"},
        [VOCAB] = {.name = "vocab", .read = read_vocab},
        [MERGES] = {.name = "merges", .read = read_merges},
    };
    memcpy(l->file, file, sizeof file);
    memcpy(l->model, model, sizeof model);
}

carat_status carat_tokenizer_load(carat_tokenizer *t, const char *text, size_t len, carat_err *err)
{
    static check_fn *const checks[FILE_PARTS] = {
        [VERSION] = check_version,
        [TRUNCATION] = check_absent,
        [PADDING] = check_absent,
        [NORMALIZER] = check_normalizer,
        [PRE_TOKENIZER] = check_pre_tokenizer,
        [POST_PROCESSOR] = check_post_processor,
        [DECODER] = check_decoder,
    };
    if (len > FILE_MAX)
        return carat_fail(err, CARAT_ESUPPORT, "%zu bytes; carat reads a tokenizer of up to %d", len,
                          FILE_MAX);
    loader l = {.t = t, .err = err};
    carat_scan s = carat_scan_begin(text, len);
    name_parts(&l);
    carat_status st = read_parts(&l, &s, l.file, FILE_PARTS);
    if (!st)
        carat_scan_finish(&s);
    if (!st)
        st = carat_scan_check(&s, err);
    if (!st)
        st = finish_model(&l);
    if (!st)
        st = check_parts(&l, l.file, FILE_PARTS, checks);
    return st ? st : read_added_tokens(&l, &l.file[ADDED_TOKENS]);
}
