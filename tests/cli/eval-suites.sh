# Suites that ask, on their built-in samples: nothing downloaded, every outcome counted, the same command goes on where it was.
M=$ROOT/datasets/demo/model
code() { c=0; "$@" >out 2>err || c=$?; cat err; echo "exit $c"; }
code $CARAT eval "$M" --suite mmlu-pro,mrcr,gsm8k -o run -q
cp run/report.json first.json
code $CARAT eval "$M" --suite mmlu-pro,mrcr,gsm8k -o run -q
cmp run/report.json first.json && echo "the same report"
python3 - <<'END'
import json
report = json.load(open("run/report.json"))
records = [json.loads(line) for line in open("run/items.jsonl")]
for suite, metric, items in (("mmlu-pro", "acc", 42), ("mrcr", "score", 12), ("gsm8k", "acc", 30)):
    own = [r for r in records if r["suite"] == suite]
    counts = {o: sum(r["outcome"] == o for r in own) for o in ("right", "wrong", "unparsed", "not_measured")}
    value = report["results"][suite][metric]
    print(suite, len(own) == items == value["n"], counts == report["outcomes"][suite],
          abs(value["value"] - sum(r["score"] for r in own) / items) < 1e-12, sorted({r["item"] for r in own}) == list(range(items)))
mmlu = [r for r in records if r["suite"] == "mmlu-pro"]
print("five examples:", {r["shots"] for r in mmlu} == {5}, "letters:", {r["level"] for r in mmlu} <= {0, 1, 2, 3})
print("sums:", sum(r["outcome"] == "right" for r in records if r["suite"] == "gsm8k") >= 20, "poems:",
      report["results"]["mrcr"]["score"]["value"] > .4, "and three that begin otherwise:", report["outcomes"]["mrcr"]["unparsed"] == 3)
END
echo "-- editions"
for v in local api lm-eval lm-eval-chat; do
    $CARAT eval "$M" --suite mmlu-pro --variant $v --limit 3 -o "v-$v" -q >out || echo "exit $?"
    grep -c '"suite": "mmlu-pro"' "v-$v/items.jsonl"
    grep -o "($v: [^;]*" out
done
echo "-- refused"
code $CARAT eval "$M" --suite mmlu-pro --thinking on -q -o no
code $CARAT eval "$M" --suite mmlu-pro --variant mine -q -o no
code $CARAT eval "$M" --suite mrcr --variant v2 -q -o no
mkdir rows
code $CARAT eval "$M" --suite mmlu-pro --data mmlu-pro=rows -q -o no
echo '{"question": "q", "options": ["a"], "answer": "A", "category": "c"}' >rows/test.jsonl
code $CARAT eval "$M" --suite mmlu-pro --data mmlu-pro=rows -q -o no
echo '{"question": "q", "options": ["a"], "answer": 1, "category": "c"}' >rows/validation.jsonl
code $CARAT eval "$M" --suite mmlu-pro --data mmlu-pro=rows -q -o no
code $CARAT eval "$M" --suite gsm8k --data gsm8k=rows/test.jsonl -q -o no
code $CARAT eval "$M" --suite mrcr --data mrcr=rows/test.jsonl -q -o no
[ ! -e no ]
echo "-- a table that takes long to open shows how far it is, and Ctrl-C ends it"
python3 - "$CARAT" "$ROOT" <<'END'
import signal, os, sys
sys.path.insert(0, sys.argv[2] + "/tests/support")
from terminal import Terminal
rows = open(sys.argv[2] + "/datasets/samples/mrcr.jsonl").read()
with open("many.jsonl", "w") as f:
    for _ in range(4000):
        f.write(rows)
t = Terminal([sys.argv[1], "eval", sys.argv[2] + "/datasets/demo/model", "--suite", "mrcr", "--data", "mrcr=many.jsonl", "-t", "1"])
t.wait(r"mrcr, reading \[")
os.kill(t.pid, signal.SIGINT)
t.wait("interrupted before the first question")
print("shown, stopped:", t.end())
END
