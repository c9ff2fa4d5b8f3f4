# Suites that ask: what is kept, what is counted, what is refused, and what goes on after a stop of any kind.
demo="$ROOT/datasets/demo/model"
code() { c=0; "$@" >out 2>err || c=$?; echo "exit $c"; }
ask() { "$CARAT" eval "$demo" --suite gsm8k -t 1 -q --max-tokens 200 --limit 12 "$@"; }
# records without what depends on time
records() { sed -E 's/"(wait_s|first_s|seconds|cached_tokens)": [0-9.e-]+/"\1": 0/g' "$1/items.jsonl"; }
same() { records "$1" >a; records "$2" >b; cmp a b && cmp "$1/report.json" "$2/report.json" && echo "$3"; }

echo "-- a run"
ask -o whole
grep -c . whole/items.jsonl
grep -o '"outcomes": {[^}]*}}' whole/report.json
head -1 whole/items.jsonl | grep -o '"[a-z_0-9]*": ' | tr -d '\n'; echo
ask -o whole >again && ask -o whole --json >json && cmp json whole/report.json && echo "finished already"

echo "-- shards"
for i in 1 2 3; do ask --shard $i/3 -o s$i >out; done
code "$CARAT" merge s1 s3 -o merged; cat err
code "$CARAT" merge s1 s2 s1/. s3 -o merged; cat err
cp -r s2 copy
code "$CARAT" merge s1 s2 copy s3 -o merged; cat err
"$CARAT" merge s3 s1 s2 -o merged >out
same whole merged merged && cmp whole/header.json merged/header.json
code "$CARAT" merge s1 s2 s3 -o merged; cat err
code "$CARAT" merge s1 s2 --partial -o part; cat err
code ask --shard 4/3 -o s4; cat err
code ask --shard 2/3 -o s1; cat err

echo "-- another method"
code ask --thinking on -o whole; cat err
code ask --numerics bf16 -o whole; cat err
code ask --max-tokens 20 -o whole; cat err
code ask --temperature 0.7 -o whole; cat err
code ask --seed 3 -o whole; cat err
cp -r "$demo" other
printf ' ' >>other/config.json
code "$CARAT" eval other --suite gsm8k -t 1 -q --max-tokens 200 --limit 12 -o whole; grep -o 'method: model_fingerprint was' err
cp -r "$demo" moved
"$CARAT" eval moved --suite gsm8k -t 2 -q --max-tokens 200 --limit 12 -o whole >out && echo "the same model elsewhere, other threads"
ask --thinking on -o s5 >out
code "$CARAT" merge s1 s5 -o merged2; cat err

echo "-- not measured"
code ask --max-tokens 3 -o cut
cat out err
cp cut/items.jsonl before
code ask --max-tokens 3 -o cut
cmp before cut/items.jsonl && echo "what was cut is not asked again"

echo "-- marked anew"
cp -r whole regrade
sed -i 's/"outcome": "right"/"outcome": "wrong"/; s/"score": 1.0/"score": 0.0/' regrade/items.jsonl
ask --regrade -o regrade >out
same whole regrade regraded

echo "-- faults are asked again"
cp -r whole fault
sed -i '3s/"fault": null, "outcome": "[a-z]*", "score": [0-9.]*/"fault": "the server is gone", "outcome": "not_measured", "score": null/' fault/items.jsonl
rm fault/report.json
ask -o fault >out
same whole fault "asked again"

echo "-- nothing to measure"
: >none
code ask --data gsm8k=none; cat err
code ask --regrade -o never; cat err
ls -d never 2>/dev/null || echo "nothing made"
echo "-- damaged"
cp -r whole torn
head -c 900 whole/items.jsonl >torn/items.jsonl
ask -o torn >out
same whole torn "a torn line is asked again"
cp -r whole bad
sed -i '2s/.*/{"suite": "gsm8k", "it/' bad/items.jsonl
code ask -o bad; cat err
cp whole/items.jsonl bad/items.jsonl
sed -i '2s/"outcome": "[a-z]*"/"outcome": "splendid"/' bad/items.jsonl
code ask -o bad; cat err
printf '[]' >bad/header.json
code ask -o bad; cat err
rm bad/header.json
code ask -o bad; cat err

echo "-- a full disk"
(trap '' XFSZ; ulimit -f 6; code ask -o full; cat err)
ask -o full >out
same whole full "went on"

echo "-- two processes, and a stop"
slow() { exec "$CARAT" eval "$demo" --suite gsm8k,mrcr,mmlu-pro -t 1 -q -o two; }
(slow) >out 2>err &
pid=$!
n=0
until [ -s two/items.jsonl ] || [ $n -gt 600 ]; do sleep 0.05; n=$((n + 1)); done
kill -STOP $pid
c=0; (slow) >out2 2>err2 || c=$?
echo "exit $c"; sed "s/$pid/PID/" err2
kill -TERM $pid; kill -CONT $pid
c=0; wait $pid || c=$?
echo "exit $c"; cat err

echo "-- usage"
code "$CARAT" eval --suite gsm8k; cat err
code "$CARAT" eval "$demo" --suite gsm8k --endpoint http://localhost:1 --model x; cat err
code "$CARAT" eval --suite gsm8k --endpoint http://localhost:1; cat err
code ask --variant nonsense; cat err
code ask --thinking maybe; cat err
code ask --from 2024; cat err
code ask --samples 3; cat err
code ask --reference "$demo"; cat err
code ask --stride 5; cat err
code ask --data perplexity=text; cat err
code ask --shard 1/2; cat err
code ask --suite gsm8k,gsm8k; cat err

echo "-- what is kept of a long question, and how reports tell that it was cut"
python3 -c 'import json
for n in (100, 15000, 15990, 40000): print(json.dumps({"question": "BEGIN " + "é" * (n // 2) + " What is 4 + 3?", "answer": "#### 7"}))' >long.jsonl
"$CARAT" eval "$demo" --suite gsm8k --data gsm8k=long.jsonl --max-tokens 1 -t 1 -q -o long >out || echo "exit $?"
python3 - <<'PY'
import json
for r in map(json.loads, open("long/items.jsonl")):
    print(len(r["asked"].encode()), r.get("asked_cut"), r["asked"].startswith("BEGIN"), r["asked"].endswith("3?") or r["asked"][-20:])
PY
mkdir lm && "$CARAT" report long --format lm-eval -o lm/ && grep -ho '"arg_0": ".\{40\}' lm/samples*
"$CARAT" report long --format html -o long.html && grep -o '<summary>Asked[^<]*' long.html
