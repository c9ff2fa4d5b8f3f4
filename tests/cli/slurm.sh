# scripts/slurm-eval.sh where a stand-in plays Slurm: an array task is stopped as by a preemption and requeued, then all are merged. A real
# Slurm, with the same script: tests/hf/test_shards.py. Also merged here: replies of several samples, and latency.
command -v python3 >/dev/null || { echo "no python3"; exit 77; }
model=$ROOT/datasets/demo/model
mkdir bin
# sbatch: an array keeps its task for later; a job that depends on it is run at once, all array tasks before it
cat >bin/sbatch <<'END'
#!/bin/sh
array= depends= out= wrap=
for a; do
    case $a in
    --array=*) array=${a#--array=} ;;
    --dependency=*) depends=yes ;;
    --output=*) out=${a#--output=} ;;
    esac
    [ "$last" = --wrap ] && wrap=$a
    last=$a
done
if [ -n "$array" ]; then
    printf '%s\n' "$wrap" >task
    echo "$array" >array
    echo "7;cluster"
    exit
fi
# the second task is preempted once it has kept an item, and starts again as Slurm would start it: the same words, the same number
run() { SLURM_ARRAY_TASK_ID=$1 sh ./task >>"log.$1" 2>&1; }
i=1
while [ $i -le "${array:=$(sed 's/.*-//' array)}" ]; do
    if [ $i = 2 ]; then
        SLURM_ARRAY_TASK_ID=2 sh -c 'eval "exec ${0%%|| *}"' "$(cat task)" >>log.2 2>&1 &
        pid=$!
        n=0
        while [ $n -lt 6000 ] && ! [ -s "$(sed "s/.*-o '\([^']*\)'.*/\1/" task)/2/items.jsonl" ]; do sleep 0.01; n=$((n + 1)); done
        kill -TERM $pid
        code=0; wait $pid || code=$?
        echo "preempted: $code" >preempted
        cp "$(sed "s/.*-o '\([^']*\)'.*/\1/" task)/2/items.jsonl" kept
    fi
    run $i || echo "task $i: $?"
    i=$((i + 1))
done
sh -c "$wrap" >"$out" 2>&1
END
chmod +x bin/sbatch
PATH=$PWD/bin:$PATH
export CARAT
ask="$model --suite gsm8k,livecodebench,latency --max-tokens 60 --samples 2 --temperature 0.5"
echo '{"question_id": "sample_add", "code": "1"}' >probe
$CARAT grade livecodebench --data sample:livecodebench --replies probe >/dev/null 2>&1 || ask="$ask --unsafe-no-sandbox"
$CARAT eval $ask -t 1 -q -o whole >out || echo "exit $?"
c=0; "$ROOT/scripts/slurm-eval.sh" -n 3 -o run -w -s --cpus-per-task=1 -- $ask >out 2>err || c=$?
cat err; echo "exit $c"
cat preempted
python3 - <<'P'
import json
TIMES = "wait_s", "first_s", "seconds", "cached_tokens"
def read(path):
    return [json.loads(x) for x in open(path)]
def plain(records):
    return [{k: v for k, v in r.items() if k not in TIMES} for r in records if r["suite"] != "latency"]
whole, run, kept, shard = (read(x) for x in ("whole/items.jsonl", "run/items.jsonl", "kept", "run.shards/2/items.jsonl"))
print("as the undivided run:", plain(whole) == plain(run), "kept before, and not asked again:", 0 < len(kept) < len(shard), all(k in shard for k in kept if k.get("fault") != "not graded yet"))
a, b = (json.load(open(f"{d}/report.json")) for d in ("whole", "run"))
same = {s: a["results"][s] == b["results"][s] for s in ("gsm8k", "livecodebench")}
print(same, {s: [r["item"] for r in run if r["suite"] == s] == [r["item"] for r in whole if r["suite"] == s] for s in ("gsm8k", "livecodebench", "latency")})
# two replies to each problem, of which one cluster each is made
lcb = [r for r in run if r["suite"] == "livecodebench"]
right = {}
for r in lcb:
    right.setdefault(r["cluster"], []).append(r["outcome"] == "right")
r = b["results"]["livecodebench"]
share = sum(map(sum, right.values())) / len(lcb)
both = sum(any(x) for x in right.values()) / len(right)
print("pass@1, pass@2:", abs(r["pass@1"]["value"] - share) < 1e-12, abs(r["pass@2"]["value"] - both) < 1e-12, r["pass@2"]["n"] == len(right), r["pass@2"]["high"] > r["pass@2"]["value"])
print({s: json.load(open("run/header.json"))["suite"][s]["samples"] for s in ("gsm8k", "livecodebench")})
# latency: every number of a merged run is that of its one record
timed = {r["id"]: r for r in run if r["suite"] == "latency"}
l = b["results"]["latency"]
print("latency:", sorted(timed), set(l) ^ set(a["results"]["latency"]) <= {"load_cold_s"}, abs(l["ttft_ms_at_4"]["value"] - sum(timed["concurrency 4"]["ttft_ms"]) / 8) < 1e-9 * l["ttft_ms_at_4"]["value"])
P
