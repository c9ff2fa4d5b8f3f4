/* Which model is it (fingerprint.h).                                               SPDX-License-Identifier: Apache-2.0 */
#include "eval/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/hash.h"

enum { HEAD = 1 << 20, PAGE = 4096, PAGES = 1024 };

static void add_weights(carat_sha256 *h, const carat_map *m)
{
    uint64_t size = m->size;
    size_t head = m->size < HEAD ? m->size : HEAD, rest = m->size - head;
    carat_sha256_add(h, &size, sizeof size);
    carat_sha256_add(h, m->data, head);
    if (rest <= (size_t)PAGE * PAGES) {
        carat_sha256_add(h, m->data + head, rest);
        return;
    }
    carat_map_advise(m->data, m->size, CARAT_ADVISE_RANDOM);
    for (size_t i = 0; i < PAGES; i++)
        carat_sha256_add(h, m->data + head + rest / PAGES * i, PAGE);
}

static carat_status add_file(carat_sha256 *h, const char *path, carat_err *err)
{
    carat_map m;
    const char *name = carat_path_base(path);
    carat_status st = carat_map_open(path, &m, err);
    if (st)
        return st;
    carat_sha256_add(h, name, strlen(name) + 1);
    if (carat_ends(path, ".json"))
        carat_sha256_add(h, m.data, m.size);
    else
        add_weights(h, &m);
    carat_map_close(&m);
    return CARAT_OK;
}

static bool counts(const char *name)
{
    static const char *const whole[] = {"config.json", "generation_config.json", "tokenizer.json"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(name, whole[i]) == 0)
            return true;
    return carat_ends(name, ".index.json") || carat_ends(name, ".safetensors") || carat_ends(name, ".gguf");
}

static carat_status add_entry(void *ctx, const char *path, const char *name, carat_err *err)
{
    return counts(name) ? add_file(ctx, path, err) : CARAT_OK;
}

carat_status carat_fingerprint(const char *path, char hex[65], carat_err *err)
{
    carat_sha256 *h;
    carat_status st = carat_sha256_open(&h, err);
    if (st)
        return st;
    st = carat_is_dir(path) ? carat_each_entry(path, add_entry, h, err) : add_file(h, path, err);
    carat_sha256_finish(h, hex);
    return st;
}

carat_status carat_fingerprint_template(const char *path, char hex[65], carat_err *err)
{
    carat_str file = CARAT_STR_INIT;
    carat_path_join(&file, path, "chat_template.jinja");
    carat_status st = carat_str_check(&file, err);
    hex[0] = 0;
    if (!st && carat_is_file(file.data))
        st = carat_sha256_file(file.data, hex, err);
    carat_str_free(&file);
    return st;
}
