# The latency suite on the demo model: every concurrency, loading, memory; the run goes on where it was cut off.
model=$ROOT/datasets/demo/model
"$CARAT" eval "$model" --suite latency --max-tokens 8 --threads 1 -q -o run > out
python3 - <<'P'
import json
items = [json.loads(x) for x in open("run/items.jsonl")]
assert [x["id"] for x in items] == ["load"] + [f"concurrency {c}" for c in (1, 2, 4, 8)]
for x in items[1:]:
    assert x["prompt_tokens"] == [32, 256, 64, 1024, 128, 512, 32, 256], x["prompt_tokens"]
    assert all(0 < n <= 8 for n in x["reply_tokens"]) and x["tokens"] == sum(x["reply_tokens"])
    assert x["gaps"] == [n - 1 for n in x["reply_tokens"]] and len(x["itl_ms"]) == sum(x["gaps"])
    assert all(t > 0 for t in x["ttft_ms"]) and max(x["ttft_ms"]) <= 1000 * x["wall_s"]
r = json.load(open("run/report.json"))["results"]["latency"]
total = sum(items[1]["ttft_ms"]) / 8
assert abs(r["ttft_ms"]["value"] - total) < 1e-9 * total and r["tokens_per_s"]["n"] == items[1]["tokens"]
gaps = sorted(items[1]["itl_ms"])
assert r["itl_ms_p50"]["value"] in gaps and r["itl_ms_p50"]["value"] <= r["itl_ms_p90"]["value"] <= r["itl_ms_p99"]["value"]
assert sum(g <= r["itl_ms_p90"]["value"] for g in gaps) >= 0.9 * len(gaps)
assert r["load_warm_s"]["value"] > 0 and r["peak_memory_bytes"]["value"] > 1 << 20
P
head -n 2 run/items.jsonl > kept
cp kept run/items.jsonl
rm run/report.json
"$CARAT" eval "$model" --suite latency --max-tokens 8 --threads 1 -q -o run > out
head -n 2 run/items.jsonl | cmp - kept
wc -l < run/items.jsonl
grep requests out
