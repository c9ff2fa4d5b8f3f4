# carat datasets: what is known, and files that come over a network that breaks, lies and forgets: a whole right one, or none and one line.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY HF_ENDPOINT HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME
export HF_TOKEN=hf_loopback_0123456789 XDG_CACHE_HOME="$PWD/cache" XDG_DATA_HOME="$PWD/share" HOME="$PWD"
demo=$ROOT/datasets/demo
mkdir -p src/2needle && cp "$demo/questions.jsonl" "$demo/heldout.txt" "$demo/heldout_chat.jsonl" src
cp "$ROOT/tests/golden/tables/snappy.parquet" src/2needle_0.parquet && cp src/2needle_0.parquet src/2needle_1.parquet && cp src/2needle_*.parquet src/2needle
python3 "$ROOT/tests/support/files_stub.py" --port-file port --root src --token "$HF_TOKEN" --log log &
pid=$!
trap 'kill $pid 2>/dev/null || :' EXIT
for _ in $(seq 600); do [ -f port ] && break; sleep 0.1; done
U=http://127.0.0.1:$(cat port)
get() { # CASE ARGS: what was said, the exit code, what lies there
    dir=$1
    shift
    c=0
    "$CARAT" datasets get "$@" -o "$dir" --tries 2 -q >"$dir.out" 2>"$dir.err" || c=$?
    echo "$dir: exit $c $(sed -e "s|$U|URL|g" -e "s|$PWD/||g" "$dir.err")"
    [ ! -d "$dir" ] || (cd "$dir" && find . -type f | sort | sed 's/^/  /')
}

echo "-- what there is"
"$CARAT" datasets list | cut -c1-58
"$CARAT" datasets show livecodebench-only-v6
"$CARAT" datasets show gsm8k --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["licence"], [f["rows"] for f in d["files"]])'
"$CARAT" datasets verify demo -o "$ROOT/datasets" | sed "s|$ROOT/||"
c=0; "$CARAT" datasets verify demo -o nowhere || c=$?; echo "exit $c"
"$CARAT" datasets verify samples | sed 's/, [0-9]* rows/, N rows/'

echo "-- over a network"
for kind in ok norange plain drop once 503 away; do
    get $kind demo --from "$U/$kind/"
    for f in heldout.txt heldout_chat.jsonl questions.jsonl; do cmp "$kind/demo/$f" "src/$f"; done
done
grep -c 'drop/.* bytes=' log
grep '^second' log | sed 's/ok.*questions/questions/' | tail -1
for kind in more less wrong other html dead 403 404 500 auth loop; do get $kind demo --from "$U/$kind/"; done
for kind in more less html; do get m$kind mrcr-2needle --from "$U/$kind/"; done
get ftp demo --from ftp://127.0.0.1/
get gone demo --from http://127.0.0.1:1/

echo "-- broken off, then gone on with"
mkdir -p on/demo && head -c 20000 src/heldout.txt >on/demo/heldout.txt.part && get on demo --from "$U/ok" && cmp on/demo/heldout.txt src/heldout.txt
grep -c 'ok/heldout.txt bytes=20000-' log
mkdir -p bad/demo && head -c 20000 /dev/zero >bad/demo/heldout.txt.part && get bad demo --from "$U/ok"
mkdir -p big/demo && head -c 99999 /dev/zero >big/demo/heldout.txt.part && get big demo --from "$U/ok"
echo x >ok/demo/heldout.txt && get ok demo --from "$U/ok"
get ok demo --from "$U/ok" --force
"$CARAT" datasets verify demo -o ok -q >/dev/null && echo "right again"

echo "-- the hub, a token for it alone, sums that nobody has published"
export HF_ENDPOINT=$U
get hub mrcr-2needle
sed 's/^[0-9a-f]*/SUM/' hub/mrcr/SHA256SUMS
(cd hub/mrcr && sha256sum -c --quiet SHA256SUMS && echo "as sha256sum says")
HF_TOKEN=no get hub2 mrcr-2needle
"$CARAT" datasets verify mrcr-2needle -o hub | cut -c1-40
printf x >>hub/mrcr/2needle/2needle_1.parquet
c=0; "$CARAT" datasets verify mrcr-2needle -o hub | cut -c1-60 || c=$?
get hub mrcr-2needle
get gsm gsm8k
get moved mrcr-8needle
grep -c '^second .*/2needle_0.parquet .* -$' log
grep -c '^second .* token' log || :
grep -c 'datasets/openai/mrcr.* token' log
grep -v '/datasets/' log | grep -c token || :
grep -rl "$HF_TOKEN" . || echo "the token is written nowhere"

echo "-- copies"
get copy demo --from "$demo"
get one demo --from "$demo/heldout.txt"
printf x >wrong.txt && mkdir -p w && mv wrong.txt w/heldout.txt && get two demo --from w/heldout.txt
mkdir -p "$XDG_CACHE_HOME/huggingface/hub/datasets--openai--mrcr/refs"
printf 0123abc >"$XDG_CACHE_HOME/huggingface/hub/datasets--openai--mrcr/refs/main"
mkdir -p "$XDG_CACHE_HOME/huggingface/hub/datasets--openai--mrcr/snapshots/0123abc/4needle"
cp src/2needle_0.parquet "$XDG_CACHE_HOME/huggingface/hub/datasets--openai--mrcr/snapshots/0123abc/4needle/4needle_0.parquet"
cp src/2needle_0.parquet "$XDG_CACHE_HOME/huggingface/hub/datasets--openai--mrcr/snapshots/0123abc/4needle/4needle_1.parquet"
"$CARAT" datasets get mrcr-4needle -q | sed "s|$PWD/||"
"$CARAT" datasets list | grep -c ' yes '

echo "-- what is asked for in vain"
for args in "get" "get nosuch" "show gsm8" "list x" "get samples" "dog" "get demo"; do
    c=0; "$CARAT" datasets $args 2>err >/dev/null || c=$?; echo "$args: $(cat err) $c"
done
python3 -c 'import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read()))' <src/questions.jsonl >q.jsonl.xz
"$CARAT" datasets cat q.jsonl.xz | cmp - src/questions.jsonl && echo "lines.xz: equal"
