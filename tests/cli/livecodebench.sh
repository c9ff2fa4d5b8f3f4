# carat grade livecodebench: the official rules and a process a test, on the built-in problems. The verdicts on samples with official ones: tests/hf.
fails() { c=0; "$@" >out 2>err || c=$?; sed 's/"sandbox": ".*"/"sandbox": ""/' out; cat err; echo "exit $c"; }
echo '{"question_id": "sample_add", "code": "1"}' >probe
safe=; $CARAT grade livecodebench --data sample:livecodebench --replies probe >/dev/null 2>&1 || safe=--unsafe-no-sandbox
cat >replies <<'END'
{"id": "right", "question_id": "sample_add", "code": "print(int(input()) + int(input()))"}
{"id": "number", "question_id": "sample_add", "code": "print('%.1e' % 7 if (s := int(input()) + int(input())) == 7 else float(s))"}
{"id": "wrong", "question_id": "sample_add", "code": "print(7)"}
{"id": "error", "question_id": "sample_add", "code": "print(1 / (int(input()) + int(input())))"}
{"id": "status", "question_id": "sample_add", "code": "print(int(input()) + int(input()))\nexit(3)"}
{"id": "iterates", "question_id": "sample_count", "code": "import sys\nw, c = [l.strip() for l in sys.stdin]\nprint(w.count(c))"}
{"id": "guarded", "question_id": "sample_count", "output": "So:\n```python\ndef main():\n    print(input().count(input()))\nif __name__ == '__main__':\n    main()\n```\nDone."}
{"id": "syntax", "question_id": "sample_mean", "code": "print(("}
{"id": "empty", "question_id": "sample_mean", "output": "I do not know."}
{"id": "dies", "question_id": "sample_mean", "code": "import os\nos._exit(0)"}
{"id": "call", "question_id": "sample_peak", "code": "class Solution:\n    def highest(self, steps):\n        return max(accumulate([0] + steps))"}
{"id": "equals", "question_id": "sample_peak", "code": "class Any:\n    def __eq__(self, other): return True\ndef highest(steps): return Any()"}
{"id": "state", "question_id": "sample_pairs", "code": "seen = []\nclass Solution:\n    def frequent(self, words, k):\n        seen.extend(words)\n        return sorted(w for w in set(seen) if seen.count(w) >= k)"}
{"id": "exits", "question_id": "sample_pairs", "code": "import sys\ndef frequent(words, k): sys.exit()"}
{"id": "unknown", "question_id": "no_such", "code": ""}
END
for mode in official process; do
    echo "-- $mode"
    fails $CARAT grade livecodebench --data sample:livecodebench --replies replies --mode $mode $safe
done
echo "-- extraction"
printf '%s\n' '{"id": 1, "output": "```\na\n```\ntext\n```python\nb\n```"}' '{"id": 2, "output": "none"}' '{"id": 3, "output": "```\na\n```\n```"}' >replies
fails $CARAT grade livecodebench --replies replies --extract-only
echo "-- refused"
fails $CARAT grade livecodebench --replies probe
fails $CARAT grade livecodebench --replies probe --data nosuchfile
echo '{"question_id": 3}' >bad.jsonl
fails $CARAT grade livecodebench --replies probe --data bad.jsonl
echo '{"question_id": "a", "contest_date": "2025-01-01"' >bad.jsonl
fails $CARAT grade livecodebench --replies probe --data bad.jsonl

echo "-- the official errata: known by id, by title; asked for unless told otherwise"
python3 - "$ROOT" <<'PY'
import glob, json, sys
rows = [json.loads(x) for x in open(glob.glob(sys.argv[1] + "/datasets/samples/livecodebench*")[0])]
rows[1]["question_id"] = "abc337_e"
rows[2]["question_id"], rows[2]["question_title"] = "3013", "find-the-peaks"
rows[3]["question_id"], rows[3]["question_title"] = "3014", "Most Frequent IDs"
rows[4]["question_title"] = "Find the peaks again"
open("problems.jsonl", "w").writelines(json.dumps(r) + "\n" for r in rows)
PY
for with in "" --exclude-errata; do
    c=0; $CARAT eval "$ROOT/datasets/demo/model" --suite livecodebench --data livecodebench=problems.jsonl --max-tokens 1 -t 1 -q $safe $with -o "run$with" >out || c=$?
    grep -o "[0-9]* problems of the official errata left out" out || :
    grep -o '"errata_left_out": [0-9]*' "run$with/header.json" || :
    echo "$(grep -c . "run$with/items.jsonl") problems, exit $c"
done
c=0; $CARAT eval "$ROOT/datasets/demo/model" --suite livecodebench --data livecodebench=problems.jsonl --max-tokens 1 -q $safe --exclude-errata -o run 2>&1 || c=$?; echo "exit $c"
