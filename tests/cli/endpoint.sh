# carat eval over a server of OpenAI's protocol: the prompts are those of the local backend, and whatever the server does, a question
# without a whole reply is tried again where that may help, then not measured, never graded. The key is nowhere.
export CARAT_API_KEY=sk-loopback-0123456789abcdef
unset OPENAI_API_KEY http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
stub="python3 $ROOT/tests/support/openai_stub.py" model=$ROOT/datasets/demo/model
pids=
trap 'kill $pids 2>/dev/null || :' EXIT
start() { # NAME [options]: begins a server; its port is in NAME.port
    name=$1
    shift
    $stub --port-file "$name.port" "$@" &
    pids="$pids $!"
    for _ in $(seq 600); do [ -f "$name.port" ] && return; sleep 0.1; done
    echo "no server $name"; exit 1
}
# ask OUT URL [options]: four questions; the exit code is in OUT.exit
ask() {
    out=$1 url=$2
    shift 2
    c=0
    $CARAT eval --endpoint "$url" --model stub --suite mmlu-pro --limit 4 --parallel 4 -q -o "$out" \
        --set connect=20 --set backoff=0.05 --set tries=3 "$@" >"$out.out" 2>"$out.err" || c=$?
    echo "$c" >"$out.exit"
}
clean() { sed -e "s|127.0.0.1:$(cat s.port)|HOST|g"; }
told() { $stub --tell "$@" | clean; }

start s --key "$CARAT_API_KEY" --log log --root google/gemma
U=http://127.0.0.1:$(cat s.port)

echo "-- the same prompts as here, and the same answers"
start m --carat "$CARAT" --model "$model" --log mlog
M=http://127.0.0.1:$(cat m.port)/v1
for v in local api; do
    $CARAT eval "$model" --suite mmlu-pro --variant $v --limit 4 -q -t 1 -o here-$v >/dev/null
    for s in on off; do
        env -u CARAT_API_KEY "$CARAT" eval --endpoint "$M" --model stub --suite mmlu-pro --variant $v --limit 4 --parallel 2 -q \
            --set stream=$s -o there-$v-$s >/dev/null
    done
done
python3 - "$CARAT" "$model" <<'PY'
import hashlib, json, subprocess, sys
def records(path):
    return {r["item"]: r for r in map(json.loads, open(path + "/items.jsonl"))}
def prompt(body):
    if "prompt" in body:
        return body["prompt"]
    request = {"messages": body["messages"], "add_generation_prompt": True, **body["chat_template_kwargs"]}
    out = subprocess.run([sys.argv[1], "text", "render", sys.argv[2], "--jsonl"], input=json.dumps(request) + "\n", capture_output=True, text=True, check=True)
    return json.loads(out.stdout)
sent = {hashlib.sha256(prompt(json.loads(line)["body"]).encode()).hexdigest() for line in open("mlog")}
for v in ("local", "api"):
    here = records(f"here-{v}")
    print(v, "prompts sent:", len({r["prompt_sha256"] for r in here.values()} & sent), "of", len(here))
    for s in ("on", "off"):
        there = records(f"there-{v}-{s}")
        same = [here[i].get(k) == there[i].get(k) for i in here for k in ("outcome", "pred", "finish", "prompt_tokens", "reply_tokens", "thought")]
        same += [(here[i].get("content") or here[i]["reply"]) == (there[i].get("content") or there[i]["reply"]) for i in here]
        print(v, "stream", s, "equal:", all(same), "first token seen:", all(r["first_s"] > 0 for r in there.values()))
PY

echo "-- what passes is tried again"
again="500:1 502:1 503:2 504:1 429-now:2 429-later:1 429-date:1 408:1 die:1 reset:1 garbage:1 page:1 half:1 cut:1 bad-event:1 error-event:1
    error-object:1 empty-choices:1 no-choices:1 a-list:1 odd-content:1 no-finish:1 quiet-end:1"
for k in $again; do ask "$k" "$U/do/$k/v1" --variant api & running="${running-} $!"; done
wait $running && running=
told $again

echo "-- what lasts is not measured"
lasting="500 503-ages 429 die reset garbage page half cut bad-event error-event error-object empty-choices no-choices a-list odd-content
    no-finish quiet-end"
for k in $lasting; do ask "$k" "$U/do/$k/v1" --variant api & running="$running $!"; done
ask huge "$U/do/huge/v1" --limit 1 --set tries=2 & running="$running $!"
ask silent "$U/do/silent/v1" --set first=1 --set tries=2 & running="$running $!"
ask stall "$U/do/stall/v1" --set stall=1 --set tries=2 & running="$running $!"
ask loris "$U/do/loris/v1" --set total=2 & running="$running $!"
wait $running && running=
told $lasting huge silent stall loris

echo "-- what another try would not change is not tried again"
final="400 401 403 404 422 redirect filtered tools null short glued endless-think echo leak"
for k in $final; do ask "$k" "$U/do/$k/v1" --variant api & running="$running $!"; done
wait $running && running=
told $final

echo "-- dialects: the answer is found, the thought is not graded"
right="odd-stream unstreamed reasons reasons-content marked think half-think"
for k in plain $right; do ask "d-$k" "$U/do/$([ $k = plain ] || echo $k,)every=1/v1" --variant api & running="$running $!"; done
ask "d-marked-whole" "$U/do/marked,every=1/v1" --variant api --set stream=off & running="$running $!"
wait $running && running=
preds() { python3 -c 'import json, sys; print([(r["item"], r["pred"], r.get("content") or r["reply"]) for r in sorted(map(json.loads, open(sys.argv[1])), key=lambda r: r["item"])])' "$1/items.jsonl"; }
preds d-plain | sed 's/, (.*/ .../'
for k in $right marked-whole; do
    [ "$(preds "d-$k")" = "$(preds d-plain)" ] && echo "$k: $(cat "d-$k.exit"), equal"
    grep -c '"thought": "Maybe the answer is (A)."' "d-$k/items.jsonl" || :
done

echo "-- odd replies: long ones, none, thoughts between the answer, bytes that are no text"
odd="long long-stream empty blank two-thinks bad-bytes nul"
for k in $odd; do ask "$k" "$U/do/$k/v1" --variant api & running="$running $!"; done
wait $running && running=
told $odd
for k in long long-stream two-thinks; do
    python3 -c 'import json, sys
a, b = ({r["item"]: r["pred"] for r in map(json.loads, open(x + "/items.jsonl"))} for x in sys.argv[1:])
print(sys.argv[1], "answers found:", a == b)' "$k" d-plain
done

echo "-- the same command goes on"
ask on "$U/do/500:3/v1" && told on
ask on "$U/do/500:3/v1" && told on
ask half-bad "$U/do/500,every=2/v1" && told half-bad

echo "-- 20 at once, a server that goes away, one that is not there"
ask many "$U/v1" --limit 20 --parallel 20 && told many
python3 -c 'import json; print("side by side:", max(json.loads(x)["beside"] for x in open("log")) > 2)'
ask gone "$U/do/die/v1" --limit 42 --parallel 2 --set backoff=0 && told gone
ask nobody http://127.0.0.1:1/v1
cat nobody.err nobody.exit

echo "-- the key"
CARAT_API_KEY=sk-another-0123456789 ask stranger "$U/v1"
clean <stranger.err
env -u CARAT_API_KEY sh -c "$CARAT eval --endpoint $U/v1 --model stub --suite mmlu-pro -q" 2>&1 | clean
CARAT_API_KEY='two words' ask words "$U/v1" && cat words.err
python3 -c 'import json; print("always sent:", all(json.loads(x)["authorized"] for x in open("log")))'
grep -rl -e "$CARAT_API_KEY" . && echo "the key is written down" || echo "written nowhere"

echo "-- what is asked"
ask extra "$U/v1" --variant api --limit 1 --temperature 0.5 --extra-body '{"min_p": 0.25, "chat_template_kwargs": {"x": [1]}, "cache": "é"}' --set limit=max_completion_tokens
tail -1 log | python3 -c 'import json, sys; b = json.load(sys.stdin)["body"]; del b["messages"], b["seed"]; print(json.dumps(b))'
for bad in '{"messages": []}' '[1]' '{"a": 1' '{"chat_template_kwargs": {"enable_thinking": true}}'; do ask bad "$U/v1" --extra-body "$bad"; cat bad.err bad.exit; done
for bad in tries=0 tries=x stream=maybe speed=1 tries; do ask bad "$U/v1" --set $bad; cat bad.err bad.exit; done
for bad in ftp://x/v1 file:///etc/passwd http://me:secret@127.0.0.1/v1 'http://127.0.0.1/v1?key=1' http://; do ask bad "$bad"; cat bad.err bad.exit; done

echo "-- a server that moved goes on; another model does not"
ask moved "$U/do/500,every=2/v1" && told moved
ask moved "$U/v1" && told moved
start n --key "$CARAT_API_KEY"
sed -i 1d moved/items.jsonl
N=http://127.0.0.1:$(cat n.port)
c=0; env CARAT_API_KEY="$CARAT_API_KEY" "$CARAT" eval --endpoint "$N/v1" --model stub --suite mmlu-pro --limit 4 -o moved 2>&1 >/dev/null | grep -v item || c=$?; echo "exit $c"
python3 -c 'import json; h = json.load(open("moved/header.json")); print(h["endpoint"], *h["endpoints_later"])' | clean | sed "s|$N|OTHER|"
start o --key "$CARAT_API_KEY" --root google/gemma-int4
ask moved "http://127.0.0.1:$(cat o.port)/v1"; clean <moved.err; cat moved.exit
c=0; $CARAT eval --endpoint "$U/v1" --model other --suite mmlu-pro --limit 4 -q -o moved 2>&1 || c=$?; echo "exit $c"

echo "-- perplexity: the losses of the local model, token by token; without a tokenizer those of pieces of text"
unset CARAT_API_KEY
head -c 451 "$ROOT/datasets/demo/heldout.txt" >text
printf 'e\314\201 \346\274\242\345\255\227 \360\237\216\211\n' >>text
losses() { out=$1; shift; $CARAT eval -c 128 "$@" --suite perplexity --data perplexity=text -q -o "$out" >/dev/null; }
losses p-here "$model" -t 1
losses p-there --endpoint "$M" --model stub --tokenizer "$model/tokenizer.json" --set stream=off
losses p-text --endpoint "$M" --model stub
losses p-small --endpoint "$M" --model stub --context 32 --extra-body '{"user": "me"}'
python3 - <<'PY'
import json, os
def read(run):
    items = [json.loads(x) for x in open(run + "/items.jsonl")]
    return [x for r in items for x in r["nll"]], sum(r["bytes"] for r in items), len(items)
here, size, n = read("p-here")
for run in ("p-there", "p-text", "p-small"):
    nll, bytes_, items = read(run)
    far = max(abs(a - b) for a, b in zip(here, nll)) if items == n else None
    print(run, items, "items; tokens as here:", len(nll) == len(here), "bytes:", bytes_ == size == os.path.getsize("text"), "equal:", far is not None and far < 1e-6)
print(*{k for k, v in json.load(open("p-text/header.json"))["suite"]["perplexity"]["protocol"].items()})
sent = [json.loads(x)["body"] for x in open("mlog")]
print(*[{k: v for k, v in b.items() if k != "prompt"} for b in sent if b.get("echo")][-1:], max(len(b["prompt"].encode()) for b in sent if b.get("user")))
PY
echo "-- and what does not give them is told so"
for k in no-echo 404 500 die half positive holes miscounted; do
    c=0; $CARAT eval --endpoint "${M%/v1}/do/$k/v1" --model stub --suite perplexity --data perplexity=text -q --set tries=2 --set backoff=0.05 >o 2>&1 || c=$?
    sed "s|${M%/v1}|URL|" o; echo "exit $c"
done
c=0; $CARAT eval --endpoint "${M%/v1}/do/strange/v1" --model stub --tokenizer "$model" --suite perplexity --data perplexity=text -q >o 2>&1 || c=$?; sed "s|${M%/v1}|URL|" o; echo "exit $c"
losses p-again --endpoint "${M%/v1}/do/503:1/v1" --model stub --set backoff=0.05 && cmp p-again/items.jsonl p-text/items.jsonl && echo "tried again"
echo '{"messages": [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}]}' >chat.jsonl
for more in "--data perplexity=chat.jsonl" "--stride 5" "--suite kld --reference $model" "--tokenizer nowhere"; do
    c=0; $CARAT eval --endpoint "$M" --model stub --suite perplexity -q $more >o 2>&1 || c=$?; cat o; echo "exit $c"
done
export CARAT_API_KEY=sk-loopback-0123456789abcdef

echo "-- certificates are looked at"
start tls --key "$CARAT_API_KEY" --certificate "$ROOT/tests/support/loopback.pem"
T=https://127.0.0.1:$(cat tls.port)/v1
ask tls-no "$T"; sed "s|$T|URL|" tls-no.err; cat tls-no.exit
SSL_CERT_FILE=$ROOT/tests/support/loopback.pem ask tls-yes "$T"; told tls-yes

echo "-- Ctrl-C"
python3 - "$CARAT" "$U" <<'PY'
import signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "eval", "--endpoint", sys.argv[2] + "/do/silent,every=1/v1", "--model", "stub", "--suite", "mmlu-pro", "-q", "-o", "stopped"],
                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
while "silent,every=1" not in open("log").read():
    time.sleep(0.1)
p.send_signal(signal.SIGINT)
print(p.communicate()[1].strip(), p.returncode)
PY
