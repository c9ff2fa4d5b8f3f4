/* The data sets and where they lie (catalogue.h).                                  SPDX-License-Identifier: Apache-2.0 */
#include "datasets/catalogue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/cmd.h"
#include "runtime/base/file.h"

/* clang-format off */
static const carat_dataset_file mmlu_pro[] = {
    {"data/test-00000-of-00001.parquet", 4150253, "b8c790c6cc613a4b71a413230db54bcf2e2053d876ffc4c4451c94908af9e1f5", 12032},
    {"data/validation-00000-of-00001.parquet", 45312, "a6db33e44c7a8d6a0a9665aabe6596a5e7436bebb62412d1219821283835e457", 70},
};
static const carat_dataset_file livecodebench[] = {
    {"test.jsonl", 1252609773, "2bd02b38beb48e8c46b5b9987095d999ff38cd8efc255ea5d58974317c48f63f", 400},
    {"test2.jsonl", 713377060, "095df7c5daf15f882c51a9deb84085cff1e073495a5dbcf95015a564d485f3a3", 111},
    {"test3.jsonl", 623360766, "28ed26cc83363ce3f1fe2d5fad9f8393077beb1907b167a31bd3b32f80801b79", 101},
    {"test4.jsonl", 1204644685, "d711138ddaebfcf5f8ec6a4283ee677298c0f5c5d374a235af92aaf0584510da", 101},
    {"test5.jsonl", 557699297, "7f77571c2a6df0c2a72a3277650309f67e01e0008e18117e624633df53f81214", 167},
    {"test6.jsonl", 134303240, "bb4c364f71921c4495a6ad15abe1a927350b720009f4933e2e71f8af0f6fd1f5", 175},
};
static const carat_dataset_file mrcr_2[] = {{"2needle/2needle_0.parquet", 0, NULL, 0}, {"2needle/2needle_1.parquet", 0, NULL, 0}};
static const carat_dataset_file mrcr_4[] = {{"4needle/4needle_0.parquet", 0, NULL, 0}, {"4needle/4needle_1.parquet", 0, NULL, 0}};
static const carat_dataset_file mrcr_8[] = {{"8needle/8needle_0.parquet", 0, NULL, 0}, {"8needle/8needle_1.parquet", 0, NULL, 0}};
static const carat_dataset_file mrcr_v2[] = {
    {"mrcr_v2p1_2needle_upto_128K_dynamic_fewshot_text_style_fast.csv", 0, NULL, 0},
    {"mrcr_v2p1_4needle_upto_128K_dynamic_fewshot_text_style_fast.csv", 0, NULL, 0},
    {"mrcr_v2p1_8needle_upto_128K_dynamic_fewshot_text_style_fast.csv", 0, NULL, 0},
};
static const carat_dataset_file gsm8k[] = {
    {"main/test-00000-of-00001.parquet", 0, NULL, 1319},
    {"main/train-00000-of-00001.parquet", 0, NULL, 7473},
};
static const carat_dataset_file demo[] = {
    {"heldout.txt", 53410, "a28de1e8cf28ab0b863972355a177f063a0d478cb05b667294364aa72471bd87", 0},
    {"heldout_chat.jsonl", 157459, "a2a03085a3fe7a349f89db7a4fde3daaae6ab2bb795d477fc5fd5afa05604dcc", 200},
    {"questions.jsonl", 217753, "d16d1fbc5d65e4347fbecf6faf2dad9710308ba880a944b4f2ead80973c57815", 400},
};
static const carat_dataset_file samples[] = {
    {"sample:gsm8k", 0, NULL, 0}, {"sample:livecodebench", 0, NULL, 0}, {"sample:mmlu-pro", 0, NULL, 0},
    {"sample:mmlu-pro-validation", 0, NULL, 0}, {"sample:mrcr", 0, NULL, 0},
};
/* clang-format on */

#define LCB_HOME     "https://huggingface.co/datasets/livecodebench/code_generation_lite"
#define LCB_REPO     "livecodebench/code_generation_lite", "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
#define LCB_LICENCE  "cc (variant not stated) on the card, MIT in its loader"
#define MRCR_HOME    "https://huggingface.co/datasets/openai/mrcr"
#define COUNT(files) files, sizeof files / sizeof *files

static const carat_dataset sets[] = {
    {"mmlu-pro", "mmlu-pro", "12,032 questions in 14 categories, 70 worked examples", "MIT",
     "https://huggingface.co/datasets/TIGER-Lab/MMLU-Pro", "TIGER-Lab/MMLU-Pro", "main", NULL, "mmlu-pro",
     COUNT(mmlu_pro)},
    {"livecodebench-v1", "livecodebench", "release_v1: 400 problems, May 2023 to March 2024", LCB_LICENCE,
     LCB_HOME, LCB_REPO, NULL, "livecodebench", livecodebench, 1},
    {"livecodebench-v2", "livecodebench", "release_v2: 511 problems, to May 2024", LCB_LICENCE, LCB_HOME,
     LCB_REPO, NULL, "livecodebench", livecodebench, 2},
    {"livecodebench-v3", "livecodebench", "release_v3: 612 problems, to July 2024", LCB_LICENCE, LCB_HOME,
     LCB_REPO, NULL, "livecodebench", livecodebench, 3},
    {"livecodebench-v4", "livecodebench", "release_v4: 713 problems, to September 2024", LCB_LICENCE,
     LCB_HOME, LCB_REPO, NULL, "livecodebench", livecodebench, 4},
    {"livecodebench-v5", "livecodebench", "release_v5: 880 problems, to January 2025", LCB_LICENCE, LCB_HOME,
     LCB_REPO, NULL, "livecodebench", livecodebench, 5},
    {"livecodebench-v6", "livecodebench", "release_v6, the latest: 1,055 problems, to April 2025",
     LCB_LICENCE, LCB_HOME, LCB_REPO, NULL, "livecodebench", livecodebench, 6},
    {"livecodebench-only-v6", "livecodebench", "the 175 problems that release_v6 added", LCB_LICENCE,
     LCB_HOME, LCB_REPO, NULL, "livecodebench", livecodebench + 5, 1},
    {"mrcr-2needle", "mrcr", "OpenAI's MRCR, 800 conversations with 2 needles", "MIT", MRCR_HOME,
     "openai/mrcr", "main", NULL, "mrcr", COUNT(mrcr_2)},
    {"mrcr-4needle", "mrcr", "OpenAI's MRCR, 800 conversations with 4 needles", "MIT", MRCR_HOME,
     "openai/mrcr", "main", NULL, "mrcr", COUNT(mrcr_4)},
    {"mrcr-8needle", "mrcr", "OpenAI's MRCR, 800 conversations with 8 needles", "MIT", MRCR_HOME,
     "openai/mrcr", "main", NULL, "mrcr", COUNT(mrcr_8)},
    {"mrcr-v2", "mrcr", "Google's MRCR v2, 2, 4 and 8 needles up to 128k tokens",
     "Apache-2.0 (of the repository that names the files)",
     "https://github.com/google-deepmind/eval_hub/tree/master/eval_hub/mrcr_v2", NULL, NULL,
     "https://storage.googleapis.com/mrcr_v2/", "mrcr-v2", COUNT(mrcr_v2)},
    {"gsm8k", "gsm8k", "1,319 sums in words, 7,473 worked ones", "MIT",
     "https://huggingface.co/datasets/openai/gsm8k", "openai/gsm8k", "main", NULL, "gsm8k", COUNT(gsm8k)},
    {"demo", "perplexity, kld", "held-out texts and 400 questions for the demo model", "Apache-2.0",
     "datasets/demo of carat's source", NULL, NULL, NULL, "demo", COUNT(demo)},
    {"samples", "all that ask", "a few rows for each suite, in the program; what a suite without --data asks",
     "Apache-2.0", "datasets/samples of carat's source", NULL, NULL, NULL, "samples", COUNT(samples)},
};
enum { SETS = sizeof sets / sizeof *sets };

const carat_dataset *carat_dataset_at(size_t i)
{
    return i < SETS ? &sets[i] : NULL;
}

carat_status carat_dataset_named(const char *name, const carat_dataset **out, carat_err *err)
{
    carat_nearest near = {.word = name};
    for (size_t i = 0; i < SETS; i++) {
        if (strcmp(sets[i].name, name) == 0) {
            *out = &sets[i];
            return CARAT_OK;
        }
        carat_nearest_try(&near, sets[i].name);
    }
    if (near.best)
        return carat_fail(err, CARAT_EUSAGE, "no data set called %s; did you mean %s?", name, near.best);
    return carat_fail(err, CARAT_EUSAGE, "no data set called %s; `carat datasets list` names them", name);
}

/* ---- places -------------------------------------------------------------------------------------------------- */

struct place {
    const char *variable, *behind;
};

/* The directory that the first set variable leads to; false: none is set. */
static bool first_place(const struct place *p, size_t n, carat_str *out)
{
    carat_str_clear(out);
    for (size_t i = 0; i < n; i++) {
        const char *value = getenv(p[i].variable);
        if (value && *value) {
            carat_str_printf(out, "%s%s", value, p[i].behind);
            return true;
        }
    }
    return false;
}

carat_status carat_dataset_folder(const carat_dataset *d, const char *dir, carat_str *out, carat_err *err)
{
    static const struct place homes[] = {{"XDG_DATA_HOME", "/carat/datasets"},
                                         {"HOME", "/.local/share/carat/datasets"}};
    carat_str_clear(out);
    if (dir)
        carat_str_puts(out, dir);
    else if (!first_place(homes, 2, out))
        return carat_fail(err, CARAT_EUSAGE,
                          "no data directory: neither XDG_DATA_HOME nor HOME is set; -o DIR");
    carat_str_printf(out, "/%s", d->folder);
    return carat_str_check(out, err);
}

/* The commit that refs/REVISION of a repository in the cache names, appended; a commit itself has no such file. */
static void add_commit(const char *repo_dir, const char *revision, carat_str *out)
{
    carat_str ref = CARAT_STR_INIT;
    char *text = NULL;
    size_t len = 0;
    carat_str_printf(&ref, "%s/refs/%s", repo_dir, revision);
    if (carat_read_file(ref.data, 100, &text, &len, NULL) == CARAT_OK)
        len = strspn(text, "0123456789abcdef");
    if (len)
        carat_str_add(out, text, len);
    else
        carat_str_puts(out, revision);
    free(text);
    carat_str_free(&ref);
}

static carat_status cached(const carat_dataset *d, const carat_dataset_file *f, carat_str *out, bool *found,
                           carat_err *err)
{
    static const struct place caches[] = {{"HF_HUB_CACHE", ""},
                                          {"HUGGINGFACE_HUB_CACHE", ""},
                                          {"HF_HOME", "/hub"},
                                          {"XDG_CACHE_HOME", "/huggingface/hub"},
                                          {"HOME", "/.cache/huggingface/hub"}};
    carat_str repo = CARAT_STR_INIT;
    *found = false;
    if (!d->repo || !first_place(caches, sizeof caches / sizeof *caches, &repo)) {
        carat_str_free(&repo);
        return CARAT_OK;
    }
    carat_str_puts(&repo, "/datasets--");
    for (const char *p = d->repo; *p; p++)
        carat_str_puts(&repo, *p == '/' ? "--" : (char[]){*p, 0});
    carat_str_clear(out);
    carat_str_printf(out, "%s/snapshots/", repo.data);
    add_commit(repo.data, d->revision, out);
    carat_str_printf(out, "/%s", f->path);
    *found = !out->failed && carat_is_file(out->data);
    carat_status st = carat_str_check(&repo, err);
    carat_str_free(&repo);
    return st ? st : carat_str_check(out, err);
}

carat_status carat_dataset_locate(const carat_dataset *d, const carat_dataset_file *f, const char *dir,
                                  carat_str *out, bool *found, carat_err *err)
{
    *found = carat_starts(f->path, "sample:");
    if (*found) {
        carat_str_clear(out);
        carat_str_puts(out, f->path);
        return carat_str_check(out, err);
    }
    carat_status st = carat_dataset_folder(d, dir, out, err);
    carat_str_printf(out, "/%s", f->path);
    if (st || (st = carat_str_check(out, err)))
        return st;
    *found = carat_is_file(out->data);
    return *found ? CARAT_OK : cached(d, f, out, found, err);
}

carat_status carat_dataset_url(const carat_dataset *d, const carat_dataset_file *f, carat_str *out,
                               carat_err *err)
{
    const char *hub = getenv("HF_ENDPOINT");
    carat_str_clear(out);
    if (d->repo) {
        carat_str_puts(out, hub && *hub ? hub : "https://huggingface.co");
        while (out->len && out->data[out->len - 1] == '/')
            out->data[--out->len] = 0;
        carat_str_printf(out, "/datasets/%s/resolve/%s/%s", d->repo, d->revision, f->path);
    } else
        carat_str_printf(out, "%s%s", d->url ? d->url : "", f->path);
    return carat_str_check(out, err);
}

static const char *listed(size_t i, const char **summary)
{
    if (i >= SETS)
        return NULL;
    *summary = sets[i].summary;
    return sets[i].name;
}

extern const carat_listing carat_datasets_listing;
const carat_listing carat_datasets_listing = {"datasets", listed};
