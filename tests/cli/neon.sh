# The NEON set, built by a cross compiler and run by an emulator: kernels, formats and their tests only, no libraries.
# Its programs are built without sanitizers whatever $CARAT has: one run of it is enough.
! grep -q __asan_init "$CARAT" || { echo "nothing here is built with the sanitizer"; exit 77; }
cc=aarch64-linux-gnu-gcc
for tool in $cc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "$tool is missing (Debian: gcc-aarch64-linux-gnu, qemu-user)"; exit 77; }
done
cd "$ROOT"
out=$OLDPWD
flags="-std=c11 -D_GNU_SOURCE -Itests/cross -I. -O2 -g -fopenmp -ffp-contract=off -ffunction-sections -Wall -Wextra -Werror"
: > "$out/rules"
for f in runtime/kernel/neon*.c runtime/kernel/ref*.c runtime/kernel/act.c runtime/kernel/attend.c runtime/kernel/kernel.c \
    runtime/format/*.c runtime/tensor/dtype.c runtime/base/err.c runtime/base/mem.c runtime/base/str.c runtime/base/util.c \
    tests/support/edge.c tests/support/matrix.c tests/support/sets.c tests/support/sim_table.c; do
    case $f in */neon*) isa=-march=armv8.2-a+dotprod ;; *) isa= ;; esac
    echo "$cc $flags $isa -c $f -o $out/$(echo $f | tr / _).o" >> "$out/rules"
done
xargs -P 2 -I {} sh -c '{}' < "$out/rules"
for t in tests/kernel/test_*.c; do
    case $t in *test_matmul.c) continue ;; esac # wants BLIS
    name=$(basename $t .c)
    $cc $flags -static -Wl,--gc-sections $t "$out"/*.o -lm -o "$out/$name"
    if qemu-aarch64 "$out/$name" > "$out/log" 2>&1; then echo "$name passes"; else echo "$name fails"; tail -3 "$out/log"; fi
done
