/* Where MODEL lies (store.h): a path, or org/name[@revision] in the Hugging Face cache.      SPDX-License-Identifier: Apache-2.0
 *
 * The cache is laid out as huggingface_hub lays it out: models--ORG--NAME/refs/REVISION names the commit whose files are in
 * models--ORG--NAME/snapshots/COMMIT. Nothing is fetched. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/file.h"
#include "runtime/tensor/store.h"

enum { REF_MAX = 4096 };

static carat_status take(carat_str *s, char **out, carat_err *err)
{
    carat_status status = carat_str_check(s, err);
    if (status == CARAT_OK)
        *out = carat_str_take(s);
    carat_str_free(s);
    return status;
}

/* "org/name" or "org/name@revision", in the characters that the hub allows. */
static bool is_repo(const char *path)
{
    size_t slashes = 0;
    const char *p = path;

    for (; *p && *p != '@'; p++) {
        slashes += *p == '/';
        if (!isalnum((unsigned char)*p) && !strchr("._-/", *p))
            return false;
    }
    const char *slash = strchr(path, '/');
    return slashes == 1 && *path != '.' && *path != '/' && slash + 1 < p && slash[1] != '.';
}

static carat_status cache_root(char **out, carat_err *err)
{
    static const struct {
        const char *variable, *behind;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    carat_str s = CARAT_STR_INIT;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value) {
            carat_str_printf(&s, "%s%s", value, places[i].behind);
            return take(&s, out, err);
        }
    }
    return carat_fail(err, CARAT_EUSAGE,
                      "no Hugging Face cache: neither HF_HUB_CACHE, HF_HOME nor HOME is set");
}

/* The commit that refs/REVISION names; a revision that is itself a commit has no such file. */
static carat_status read_ref(const char *repo_dir, const char *revision, carat_str *commit, carat_err *err)
{
    carat_str path = CARAT_STR_INIT;
    char *text = NULL;
    size_t len = 0;
    carat_status status = CARAT_OK;

    carat_str_printf(&path, "%s/refs/%s", repo_dir, revision);
    carat_str_clear(commit);
    if (!carat_is_file(path.data)) {
        carat_str_puts(commit, revision);
        goto out;
    }
    if ((status = carat_read_file(path.data, REF_MAX, &text, &len, err)) != CARAT_OK)
        goto out;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    if (!carat_plain_name(text))
        status = carat_fail(err, CARAT_EFORMAT, "%s: not the name of a commit: %s", path.data, text);
    else
        carat_str_puts(commit, text);
out:
    free(text);
    carat_str_free(&path);
    return status;
}

static carat_status resolve_repo(const char *repo, char **dir, carat_err *err)
{
    carat_str base = CARAT_STR_INIT, commit = CARAT_STR_INIT, snapshot = CARAT_STR_INIT;
    const char *at = strchr(repo, '@'), *revision = at ? at + 1 : "main";
    const char *slash = strchr(repo, '/');
    int org = (int)(slash - repo), name = (int)((at ? at : repo + strlen(repo)) - slash) - 1;
    char *root = NULL;
    carat_status status = cache_root(&root, err);

    if (status != CARAT_OK)
        goto out;
    if (strstr(revision, "..") || *revision == '/' || *revision == '\0') {
        status = carat_fail(err, CARAT_EUSAGE, "%s: '%s' is no revision", repo, revision);
        goto out;
    }
    carat_str_printf(&base, "%s/models--%.*s--%.*s", root, org, repo, name, slash + 1);
    if (!carat_is_dir(base.data)) {
        status = carat_fail(err, CARAT_EIO,
                            "%s: no such file or directory, and not in the Hugging Face cache (%s)", repo,
                            base.data);
        goto out;
    }
    if ((status = read_ref(base.data, revision, &commit, err)) != CARAT_OK)
        goto out;
    carat_str_printf(&snapshot, "%s/snapshots/%s", base.data, commit.data);
    if (!carat_is_dir(snapshot.data))
        status = carat_fail(err, CARAT_EIO, "%s: revision %s is not in the Hugging Face cache (%s)", repo,
                            revision, snapshot.data);
    else
        status = take(&snapshot, dir, err);
out:
    free(root);
    carat_str_free(&base);
    carat_str_free(&commit);
    carat_str_free(&snapshot);
    return status;
}

carat_status carat_store_resolve(const char *path, char **dir, carat_err *err)
{
    carat_str s = CARAT_STR_INIT;
    const char *base = carat_path_base(path);
    struct stat info;

    if (*path == '\0')
        return carat_fail(err, CARAT_EUSAGE, "the name of the model is empty");
    if (carat_is_dir(path))
        carat_str_puts(&s, path);
    else if (!carat_exists(path))
        return is_repo(path) ? resolve_repo(path, dir, err)
                             : carat_fail(err, CARAT_EIO, "%s: no such file or directory", path);
    else if (stat(path, &info) != 0)
        return carat_fail(err, CARAT_EIO, "%s: a link to what is not there", path);
    else if (!S_ISREG(info.st_mode))
        return carat_fail(err, CARAT_EFORMAT, "%s: neither a directory nor a regular file", path);
    else if (base == path)
        carat_str_puts(&s, ".");
    else
        carat_str_add(&s, path, base - path > 1 ? (size_t)(base - path) - 1 : 1);
    return take(&s, dir, err);
}
