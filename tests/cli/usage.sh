# Wrong usage is exit 2 with one line; help goes to stdout.
$CARAT --version
code() { c=0; "$@" >out 2>err || c=$?; echo "$c: $(wc -l <out) out, $(wc -l <err) err"; }
code $CARAT nosuchverb
cat err
code $CARAT
code $CARAT --help
head -1 out
if [ -w /dev/full ]; then c=0; $CARAT --help >/dev/full || c=$?; echo "full disk: $c"; fi
