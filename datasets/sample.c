/* Finding a built-in sample (sample.h).                                           SPDX-License-Identifier: Apache-2.0 */
#include "datasets/sample.h"

#include <string.h>

#include "runtime/base/str.h"

const carat_sample_file *carat_sample_find(const char *path)
{
    static const char scheme[] = "sample:";
    if (!carat_starts(path, scheme))
        return NULL;
    for (const carat_sample_file *s = carat_sample_files; s->name; s++)
        if (!strcmp(s->name, path + strlen(scheme)))
            return s;
    return NULL;
}
