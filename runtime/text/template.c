/* Which chat template a checkpoint ships.                                         SPDX-License-Identifier: Apache-2.0
 *
 * carat runs no templates, it knows two: they are told by the hash of their text (line ends as LF, white space at the end dropped).
 * As transformers reads it: chat_template.jinja before the "chat_template" of tokenizer_config.json.
 *
 * To add an edition: its hash, its name, and what renders it (0: nothing does). */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"

enum { MAX_FILE = 64 << 20 };

typedef struct known {
    const char *sha256, *name;
    carat_edition edition;
} known;

static const known templates[] = {
    {"603a42db292c25278e9b23d94c7abbe77453f13e26a053c43c5c2f900b4136f7", "2026-07-09 small",
     CARAT_EDITION_SMALL},
    {"6a1015c47ccfcfa67c3b772385bccee357a4d37c3cda37bd202e9047f391ab82", "2026-07-09 large",
     CARAT_EDITION_LARGE},
    /* of datasets/demo: what the small edition makes of plain turns */
    {"030ba18ef2367877623839a9c7093d40456db52c3cd49d8654794a260826b6fc", "demo", CARAT_EDITION_SMALL},
    {"33204f1acb5bd0002713e16a593847f24ceeafe711ed88bda2a352dc996a3373", "2026-05 small", 0},
    {"94899c0f917d93f6fe81c95744d1e8ddab2d21d39228d2e4aec1fb2a25bff413", "2026-05 large", 0},
    {"781d10940fbc44be40064b5d43a056fc486c84ceaa55538226368b57314132bf", "2026-04 small", 0},
    {"1d35a24a2a63cc600c0cab43628a6df4cd3318e959b03307cf5f9f7e29ecf783", "2026-04 large", 0},
    {"58c66fdee4afa29786fa0925a4c3659c8ebc28a2db93da6ae479d7d5886ce48f", "launch", 0},
};

static carat_status hash(const char *text, size_t len, char hex[65], carat_err *err)
{
    carat_sha256 *h;
    while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
        len--;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    for (size_t from = 0, to = 0; from < len; from = to) {
        const char *cr = memchr(text + from, '\r', len - from);
        to = cr ? (size_t)(cr - text) : len;
        carat_sha256_add(h, text + from, to - from);
        if (cr) {
            carat_sha256_add(h, "\n", 1);
            to += to + 1 < len && text[to + 1] == '\n' ? 2 : 1;
        }
    }
    carat_sha256_finish(h, hex);
    return CARAT_OK;
}

static carat_status judge(const char *text, size_t len, carat_edition *out, carat_err *err)
{
    char hex[65];
    carat_status st = hash(text, len, hex, err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (strcmp(hex, templates[i].sha256) != 0)
            continue;
        *out = templates[i].edition;
        return *out ? CARAT_OK
                    : carat_fail(
                          err, CARAT_ESUPPORT,
                          "the chat template is an older edition (%s), carat renders that of 2026-07-09",
                          templates[i].name);
    }
    return carat_fail(err, CARAT_ESUPPORT, "the chat template is none that carat knows (sha256 %.12s...)",
                      hex);
}

static carat_status judge_config(const char *path, carat_edition *out, carat_err *err)
{
    carat_json *root;
    carat_status st = carat_json_load(path, MAX_FILE, &root, err);
    if (st)
        return st;
    const carat_json *template = carat_json_get(root, "chat_template");
    const char *text;
    if (!template)
        st = carat_fail(err, CARAT_ESUPPORT, "no chat template");
    else if (!carat_json_is_string(template))
        st = carat_fail(err, CARAT_ESUPPORT, "several chat templates, carat knows the official one only");
    else if (!(st = carat_json_text(template, "chat_template", &text, err)))
        st = judge(text, strlen(text), out, err);
    carat_json_free(root);
    return st;
}

carat_status carat_chat_edition(const char *dir, carat_edition *out, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    char *text;
    size_t len;
    carat_edition found = 0;
    carat_path_join(&path, dir, "additional_chat_templates");
    carat_status st = carat_str_check(&path, err);
    if (!st && carat_is_dir(path.data))
        st = carat_fail(err, CARAT_ESUPPORT, "several chat templates, carat knows the official one only");
    if (st)
        goto out;
    carat_path_join(&path, dir, "chat_template.jinja");
    if (carat_is_file(path.data)) {
        st = carat_read_file(path.data, MAX_FILE, &text, &len, err);
        if (!st) {
            st = judge(text, len, &found, err);
            free(text);
        }
        goto out;
    }
    carat_path_join(&path, dir, "tokenizer_config.json");
    if (carat_is_file(path.data))
        st = judge_config(path.data, &found, err);
    else
        st = carat_fail(err, CARAT_ESUPPORT, "no chat template");
out:
    carat_str_free(&path);
    if (st)
        return carat_fail_in(err, st, dir);
    *out = found;
    return CARAT_OK;
}
