# Rules held against a run: pass, fail, inconclusive and their exit codes; rules that name what is not there are errors.
make_run() { python3 "$ROOT/tests/support/make_run.py" "$@"; }
gate() { c=0; printf '%s' "$1" >rules.json; shift; "$CARAT" gate "$@" --rules rules.json >out 2>err || c=$?; cat out err; echo "exit $c"; }
command -v python3 >/dev/null || { echo "no python3"; exit 77; }

make_run base --items 3000 --acc .7 --seed 1 --categories law,math
make_run base --suite kld --items 10 --seed 1 --add
make_run base --suite perplexity --items 10 --seed 1 --add
make_run base --metric latency.tokens_per_s=100 --metric latency.ttft_ms=50 --metric latency.read_gb_per_s=20 --metric latency.peak_mib=900
make_run good --items 3000 --acc .71 --seed 2 --categories law,math --unparsed .005 --not-measured .002
make_run good --suite kld --items 10 --seed 2 --add
make_run good --suite perplexity --items 10 --seed 2 --shift .01 --add
make_run good --metric latency.tokens_per_s=50 --metric latency.ttft_ms=100 --metric latency.read_gb_per_s=10 --metric latency.peak_mib=905
make_run bad --items 3000 --acc .62 --seed 3 --categories law,math --not-measured .05

echo "-- pass"
gate '{"require": ["mmlu-pro", "kld"], "rules": [
  {"suite": "mmlu-pro", "min_recovery": 97}, {"suite": "mmlu-pro", "metric": "acc", "max_drop": 0.02},
  {"suite": "mmlu-pro", "group": {"category": "law"}, "max_drop": 0.05}, {"suite": "mmlu-pro", "min": 0.6},
  {"suite": "kld", "metric": "kld_mean", "max": 0.02}, {"suite": "kld", "metric": "kld_mean", "max_rise": 0.005},
  {"suite": "kld", "metric": "top1_agreement", "max_drop": 0.05}, {"suite": "perplexity", "metric": "perplexity", "max_rise": 0.02},
  {"suite": "latency", "metric": "tokens_per_s", "probe": "read_gb_per_s", "min_ratio": 0.95},
  {"suite": "latency", "metric": "ttft_ms", "probe": "read_gb_per_s", "min_ratio": 0.95},
  {"suite": "latency", "metric": "peak_mib", "max": 1000}, {"suite": "*", "max_unparsed": 0.02},
  {"suite": "mmlu-pro", "max_truncated": 0}]}' good --baseline base
echo "-- fail"
gate '{"require": ["mrcr"], "rules": [{"suite": "mmlu-pro", "min_recovery": 97}, {"suite": "mmlu-pro", "max_drop": 0.02},
  {"suite": "mmlu-pro", "max_not_measured": 0.01}]}' bad --baseline base
gate '{"rules": [{"suite": "perplexity", "metric": "perplexity", "max_rise": 0.005}, {"suite": "perplexity", "metric": "nll_per_token", "max_rise": 0.005},
  {"suite": "latency", "metric": "ttft_ms", "probe": "read_gb_per_s", "min_ratio": 1.05}]}' good --baseline base
echo "-- inconclusive: too few items, items not measured"
gate '{"rules": [{"suite": "mmlu-pro", "max_drop": 0.005}]}' good --baseline base
make_run thin --items 3000 --acc .72 --seed 2 --categories law,math --not-measured .02
gate '{"rules": [{"suite": "mmlu-pro", "max_drop": 0.03}]}' thin --baseline base
gate '{"rules": [{"suite": "mmlu-pro", "max_drop": 0.03}, {"suite": "mmlu-pro", "max_not_measured": 0.05}]}' thin --baseline base
echo "-- the same as JSON"
gate '{"rules": [{"suite": "mmlu-pro", "max_drop": 0.03}]}' base --baseline base --json
echo "-- rules that name what is not there"
for rule in '{"suite": "mrcr", "max_drop": 0.1}' '{"suite": "mmlu-pro", "metric": "f1", "max_drop": 0.1}' '{"suite": "mmlu-pro", "metric": "f1", "max": 1}' \
    '{"suite": "kld", "metric": "kld_p42", "max": 1}' '{"suite": "mmlu-pro", "group": {"category": "art"}, "max_drop": 0.1}' \
    '{"suite": "mmlu-pro", "group": {"topic": "art"}, "min": 0.1}' '{"suite": "latency", "metric": "tokens_per_s", "probe": "flops", "min_ratio": 1}' \
    '{"suite": "mrcr", "max_unparsed": 0.1}' '{"suite": "kld", "metric": "kld_mean", "max_drop": 1}' '{"suite": "mmlu-pro", "max_rise": 1}' \
    '{"suite": "latency", "metric": "ttft_ms", "max": 100}' '{"suite": "latency", "metric": "itl_ms_p50_at_8", "max": 100}' '{"suite": "latency", "metric": "peak_mib", "max_rise": 100}' \
    '{"suite": "latency", "metric": "peak_mib", "probe": "read_gb_per_s", "min_ratio": 1}'; do
    gate "{\"rules\": [$rule]}" good --baseline base
done
echo "-- rules that make no sense"
for rules in '{}' '[]' '{"rules": []}' '{"rules": {}}' '{"rule": []}' '{"rules": [3]}' '{"rules": [{"suite": "a"}]}' '{"rules": [{"max": 1}]}' \
    '{"rules": [{"suite": "a", "max": 1, "min": 0}]}' '{"rules": [{"suite": "a", "max_dorp": 1}]}' '{"rules": [{"suite": "a", "max_drop": "1"}]}' \
    '{"rules": [{"suite": "a", "max_drop": -1}]}' '{"rules": [{"suite": "a", "max_unparsed": 2}]}' '{"rules": [{"suite": "a", "min_ratio": 1}]}' \
    '{"rules": [{"suite": "a", "group": {}, "max": 1}]}' '{"rules": [{"suite": "a", "group": "law", "max": 1}]}' '{"rules": [{"suite": "a", "max": NaN}]}' \
    '{"rules": [{"suite": "a", "max": 1}' '{"require": "a"}' '{"require": [1]}' '{"rules": [{"suite": "a", "metric": "m", "max_unparsed": 0}]}'; do
    gate "$rules" good --baseline base
done
echo "-- calls that make no sense; runs that are none"
ok='{"rules": [{"suite": "mmlu-pro", "max_drop": 0.03}]}'
gate "$ok" good
gate "$ok" nowhere --baseline base
rm base/report.json
gate "$ok" good --baseline base
make_run other --items 3000 --prompts x --categories law,math
gate "$ok" good --baseline other
sed -i 's/"score": [0-9.]*/"score": NaN/' good/items.jsonl
gate "$ok" good --baseline other
code=0; "$CARAT" gate good --baseline base 2>err || code=$?; cat err; echo "exit $code"

echo "-- 71 items that all agree do not pass what they cannot show, as many as the gate names do"
for n in 71 72; do
    make_run small$n --items $n --acc .9 --seed 1
    sed 's/"seconds": 0.5/"seconds": 0.6/' -i small$n/items.jsonl
    make_run small --items $n --acc .9 --seed 1
    echo '{"rules": [{"suite": "mmlu-pro", "max_drop": 0.05}]}' >rules.json
    c=0; $CARAT gate small$n --baseline small --rules rules.json || c=$?; echo "exit $c"
    rm -r small
done
