# Two runs item by item: verdicts, exit codes, what is not compared, what is refused.
make_run() { python3 "$ROOT/tests/support/make_run.py" "$@"; }
code() { c=0; "$@" >out 2>err || c=$?; cat out err; echo "exit $c"; }
last() { c=0; "$@" >out 2>err || c=$?; tail -1 out; cat err; echo "exit $c"; }
command -v python3 >/dev/null || { echo "no python3"; exit 77; }

echo "-- the same run"
make_run a --items 2000 --acc .7 --seed 1 --categories law,math
last $CARAT compare a a
cp -r a copy
last $CARAT compare a copy
sed 's/"seconds": 0.5/"seconds": 0.6/' a/items.jsonl >copy/items.jsonl
echo "-- another run with the same scores: 2000 items that agree are the same within 0.19 points"
$CARAT compare a copy | grep -e "margin of" -e "^B is"
last $CARAT compare a copy --margin 0.0018
last $CARAT compare a copy --margin 0.0019
echo "-- a loss, and the other way round"
make_run b --items 2000 --acc .62 --seed 2 --categories law,math --model b
code $CARAT compare a b
last $CARAT compare b a
echo "-- nothing to be seen; the same within a margin"
make_run c --items 2000 --acc .7 --seed 3 --categories law,math
last $CARAT compare a c
last $CARAT compare a c --margin 0.05
last $CARAT compare a c --margin 0.9 --margin mmlu-pro=0.001
echo "-- one category"
make_run d --items 2000 --acc .7 --seed 4 --categories law,math --drop law=.1
last $CARAT compare a d
echo "-- other items, some not measured"
make_run e --items 1990 --from 20 --acc .7 --seed 5 --not-measured .1
{ $CARAT compare a e || true; } | grep "not compared"
echo "-- clusters of ten and grades"
make_run f --items 2000 --cluster 10 --graded --acc .7 --seed 1
make_run g --items 2000 --cluster 10 --graded --acc .6 --seed 2
$CARAT compare f g --json >g.json || echo "exit $?"
python3 -c 'import json; c = json.load(open("g.json"))["comparisons"][0]; r = c["rows"][0]; print(r["test"], r["clusters"], r["verdict"], len(c["lost"]) == r["lost"])'
echo "-- perplexity and kld: less is better"
make_run p --suite perplexity --items 10 --seed 1
make_run p --suite kld --items 10 --seed 1 --add
make_run q --suite perplexity --items 10 --seed 2 --shift .05
make_run q --suite kld --items 10 --seed 2 --noise .03 --add
code $CARAT compare p q
last $CARAT compare q p
last $CARAT compare p q --margin perplexity=0.06 --margin kld=0.2
echo "-- refused"
make_run x --items 2000 --prompts other
code $CARAT compare a x
last $CARAT compare a x --any-prompt
make_run y --suite perplexity --items 10 --data d1
code $CARAT compare p y
make_run y --suite perplexity --items 10 --tokens 99
code $CARAT compare p y
make_run z --items 10 --from 5000
code $CARAT compare a z
code $CARAT compare a p
code $CARAT compare a
code $CARAT compare a b --margin x
code $CARAT compare a b --margin -1
code $CARAT compare a b --margin mmlu=0.5
code $CARAT compare a nowhere
echo "-- hostile records"
make_run ok --items 20
spoil() { rm -rf bad; cp -r ok bad; sed -i "$1" bad/items.jsonl; code $CARAT compare bad bad -q 2>&1 | tail -2; }
spoil '3s/"score": [0-9.]*/"score": NaN/'
spoil '3s/"score": [0-9.]*/"score": null/'
spoil '3s/"score": [0-9.]*/"score": 1.5/'
spoil '3s/"score": [0-9.]*/"score": "1"/'
spoil '3s/, "score": [0-9.]*//'
spoil '3s/"outcome": "[a-z]*"/"outcome": "perfect"/'
spoil '3s/"outcome": "[a-z]*", //'
spoil '3s/"suite": "mmlu-pro"/"suite": 7/'
spoil '3s/"item": 2/"item": 1/'
spoil '3s/"id": "q2"/"id": 9/'
spoil '3s/"groups": {}/"groups": [3]/'
spoil '3s/^{/{{/'
spoil '$s/.$//'
: >bad/items.jsonl
code $CARAT compare bad bad
rm bad/header.json
code $CARAT compare bad bad
