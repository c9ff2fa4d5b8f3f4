# Every verb explains itself: usage, summary, options, a real example; the same pages become manual pages.
$CARAT --help | awk '/^  [a-z]/ { print $1 }' >verbs
for verb in $(cat verbs); do
    $CARAT "$verb" --help >help.out
    head -1 help.out | grep -q "^usage: carat $verb " || echo "$verb: no usage"
    grep -q "^example:" help.out || echo "$verb: no example"
    grep -q "^  \\$ .*carat $verb" help.out || echo "$verb: the example does not call it"
    awk 'length($0) > 120 { print "'"$verb"': a line of " length($0) " characters" }' help.out
done
[ "$(wc -l <verbs)" -gt 3 ] && echo "all verbs asked"
"$ROOT/scripts/man" "$CARAT" man
[ "$(ls man | wc -l)" = $(($(wc -l <verbs) + 1)) ] && echo "all have pages"
