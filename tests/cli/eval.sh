# A run is kept, can be killed and goes on, and is not mixed with another method.
demo="$ROOT/datasets/demo"
code() { c=0; "$@" >out 2>err || c=$?; echo "exit $c"; }
eval_demo() { "$CARAT" eval "$demo/model" --suite perplexity --data perplexity="$demo/heldout.txt" --limit 6 -c 128 -q "$@"; }

eval_demo -o whole --json >whole.json
eval_demo -o cut >/dev/null
head -3 whole/items.jsonl >cut/items.jsonl
printf '{"suite": "perple' >>cut/items.jsonl # what a kill in the middle of a line leaves
rm cut/report.json
eval_demo -o cut --json >cut.json
cmp whole/items.jsonl cut/items.jsonl && cmp whole/report.json cut/report.json && cmp whole.json whole/report.json && echo resumed
grep -o '"outcomes": {[^}]*}}' whole/report.json

eval_demo -o two -t 2 --json >two.json
cmp whole/items.jsonl two/items.jsonl && echo "any thread count"
code eval_demo -o whole --stride 64
cat err
code "$CARAT" eval "$demo/model" --suite perplexitty --data perplexity=x
cat err
code "$CARAT" eval "$demo/model" --suite kld --data perplexity="$demo/heldout.txt"
cat err
code "$CARAT" eval "$demo/model" --suite perplexity --data perplexity="$demo/heldout.txt" -c 128 --stride 128
cat err
printf '{"messages": [{"role": "user", "content": "x"}]}\n' >chat.jsonl
code "$CARAT" eval "$demo/model" --suite perplexity --data perplexity=chat.jsonl
cat err
: >empty.txt
code "$CARAT" eval "$demo/model" --suite perplexity --data perplexity=empty.txt
cat err
printf 'junk' >bad.kld
code "$CARAT" eval "$demo/model" --suite kld --reference bad.kld --data perplexity="$demo/heldout.txt" --limit 1
cat err

# Texts by category: built in, of a directory, of a table; a group's numbers are those of its texts alone.
ppl() { "$CARAT" eval "$demo/model" --suite perplexity -t 1 -q "$@"; }
ppl -o own | sed -n 's/^    \([a-z]*\) .*n = \([0-9]*\)/\1 \2/p'
mkdir dir
head -c 900 "$demo/heldout.txt" >dir/one.txt
tail -c 700 "$demo/heldout.txt" >dir/two.txt
head -3 "$demo/heldout_chat.jsonl" >dir/talk.jsonl
echo 'not a text' >dir/README
python3 - <<'P'
import json
with open("table.jsonl", "w") as f:
    for name in ("one", "two"):
        f.write(json.dumps({"category": name, "text": open(f"dir/{name}.txt").read()}) + "\n")
P
ppl -o dir.run --data perplexity=dir >/dev/null
ppl -o table.run --data perplexity=table.jsonl >/dev/null
ppl -o one.run --data perplexity=dir/one.txt >/dev/null
python3 - <<'P'
import json
load = lambda d: json.load(open(f"{d}.run/report.json"))
d, t, one = load("dir")["groups"]["perplexity"]["category"], load("table")["groups"]["perplexity"]["category"], load("one")
assert list(d) == ["one", "talk", "two"] and list(t) == ["one", "two"]
assert d["one"] == t["one"] == one["results"]["perplexity"] and d["two"] == t["two"] and one["groups"] == {"perplexity": {}}
items = [json.loads(x) for x in open("dir.run/items.jsonl")]
assert {x["groups"]["category"] for x in items} == set(d)
print("categories")
P
printf '{"txt": "x"}\n' >bad.jsonl
code "$CARAT" eval "$demo/model" --suite perplexity --data perplexity=bad.jsonl
cat err
