# carat.h is C99; a program sees libcarat.so through it alone, and the library exports nothing else.
cat >use.c <<'C'
#include <carat.h>
#include <stdio.h>
int main(void)
{
    carat_err err;
    carat_model *model = 0;
    carat_status st = carat_model_open("no-such-model", &model, &err);
    printf("%d %d\n", st != CARAT_OK, model == 0);
    carat_model_close(model);
    return 0;
}
C
cc=${CC:-cc}
mkdir include && cp "$ROOT"/runtime/carat.h "$ROOT"/runtime/carat_text.h include/
$cc -std=c99 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only use.c && echo C99
sed -n '/visibility push/,/visibility pop/p' include/carat.h include/carat_text.h | tr '\n' ' ' | sed 's|/\*[^*]*\*/||g; s/typedef[^;]*;//g' |
    grep -o 'carat_[a-z_0-9]* *(' | tr -d ' (' | sort -u >declared
nm -D --defined-only "$BUILD/libcarat.so" | awk '{ print $NF }' | grep -v -e '^__' -e '^_init$' -e '^_fini$' | sort -u >exported
[ -s declared ] && [ -s exported ]
comm -13 declared exported
[ "$(uname)" != Linux ] || { $cc ${CFLAGS-} -Iinclude use.c -L"$BUILD" -lcarat -o use && LD_LIBRARY_PATH=$BUILD ./use; }
