# make-checkpoint: every member has as many tensors and elements as the released one; scaled down, carat knows all of it.
make="python3 $ROOT/scripts/make-checkpoint"

echo "== full size: tensors and elements"
for m in e2b e4b 12b 26b 31b; do
    for which in "" -assistant; do
        echo "$m$which: $($make --like $m$which --list | tail -1)"
    done
done
echo "e2b with unused k/v: $($make --like e2b --unused-kv --list | tail -1)"
echo "e4b with unused k/v: $($make --like e4b --unused-kv --list | tail -1)"
c=0; $make --like 70b out 2>/dev/null || c=$?; echo "unknown member: $c"

if ! python3 -c 'import numpy' 2>/dev/null; then
    echo "SKIP writing: needs numpy" >&2
    exit 0
fi
echo "== scaled down: inspect knows every tensor, and counts as many" >&2
for m in e2b e4b 12b 26b 31b; do
    for which in "" -assistant; do
        $make --like $m$which --scale 32 --layers 6 --shard-size 2M $m$which >line
        $CARAT inspect $m$which --json >json
        python3 - $m$which <<'PY' >&2
import json, re, sys
name, j, line = sys.argv[1], json.load(open("json")), open("line").read()
tensors, parameters = map(int, re.search(r"(\d+) tensors, (\d+) parameters", line).groups())
assert len(j["tensors"]) == tensors and j["parameters"]["total"] == parameters, (line, j["parameters"])
assert j["parameters"]["unused"] == 0, j["parameters"]
PY
    done
done
$make --like 26b --scale 32 --layers 6 --shard-size 2M again >line
diff -r 26b again >&2
$make --like 26b --scale 32 --layers 6 --no-towers text >line
if $CARAT inspect text | grep vision_tower; then exit 1; fi
