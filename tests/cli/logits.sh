# carat logits: what the file holds, where ids may come from, what is refused.
golden=$ROOT/tests/golden/text
try() {
    code=0; "$CARAT" logits "$@" || code=$?
    echo "exit $code"
}
cat >"$TMPDIR/show.py" <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head = json.loads(data[8:8 + n])
meta = head.pop("__metadata__")
print(meta["numerics"], {k: (v["dtype"], v["shape"]) for k, v in head.items()})
at = head["input_ids"]["data_offsets"]
print(struct.unpack(f"<{(at[1] - at[0]) // 8}q", data[8 + n + at[0]:8 + n + at[1]]))
PY
"$CARAT" logits "$golden" --ids 2,17,9 --taps -o a.safetensors
python3 "$TMPDIR/show.py" a.safetensors
printf ' [2, 17,\n9]\n' >ids.json
printf '2\n17\n9\n' >ids.txt
for file in ids.json ids.txt; do
    "$CARAT" logits "$golden" --ids-file $file --taps -q -o b.safetensors --force
    cmp a.safetensors b.safetensors && echo "$file: the same"
done
"$CARAT" logits "$golden" --ids "2 17 9" --numerics bf16 -o c.safetensors -q
python3 "$TMPDIR/show.py" c.safetensors
exec 2>&1
try "$golden" --ids 2,17 -o a.safetensors
try "$golden" --ids 2,17
try "$golden" -o d.safetensors
try "$golden" --ids 2 --ids-file ids.txt -o d.safetensors
try "$golden" --ids 2,x -o d.safetensors
try "$golden" --ids 2,96 -o d.safetensors
try "$golden" --ids -o d.safetensors
: >empty
try "$golden" --ids-file empty -o d.safetensors
try "$golden" --ids-file nothing -o d.safetensors
try "$golden" --ids 2 -o nowhere/d.safetensors
try "$golden" --ids 2 -o d.safetensors --numerics f64
try "$golden" --ids 2 -o d.safetensors --kernels none
try "$golden" --ids 2 -o d.safetensors --batch -1
try "$golden" --ids "$(seq -s, 0 95),$(seq -s, 0 95),$(seq -s, 0 95)" -o d.safetensors
try nothing --ids 2 -o d.safetensors
ls
