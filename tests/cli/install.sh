# What make install puts down can be used from there, and make uninstall takes all of it away.
mkdir build
ln -s "$BUILD/carat" "$BUILD/libcarat.a" "$BUILD/libcarat.so" build/
"$ROOT/scripts/man" build/carat build/man
"$ROOT/scripts/install" "$PWD/build" "$PWD/dest" /usr >/dev/null
dest/usr/bin/carat --version
cat >use.c <<'C'
#include <carat.h>
#include <stdio.h>
int main(void)
{
    puts(CARAT_VERSION);
    carat_release(NULL);
    return 0;
}
C
flags=$(sed -n "s|\${prefix}|$PWD/dest/usr|g; s/^Cflags: //p; s/^Libs: //p" dest/usr/lib/pkgconfig/carat.pc)
${CC:-cc} ${CFLAGS-} use.c $flags -o use
LD_LIBRARY_PATH=dest/usr/lib ./use
ls dest/usr/share/man/man1 | head -1
sh -n dest/usr/share/bash-completion/completions/carat 2>/dev/null || bash -n dest/usr/share/bash-completion/completions/carat
"$ROOT/scripts/install" --remove "$PWD/dest" /usr
find dest -type f -o -type l
