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
code "$CARAT" eval "$demo/model" --suite perplexity
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
