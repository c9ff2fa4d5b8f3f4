# carat parity says no where something is wrong, names the first place, and refuses references that cannot be one.
golden=$ROOT/tests/golden
cat >"$TMPDIR/edit.py" <<'PY'
# edit.py SRC DST CHANGE: a safetensors file with one thing changed
import json, struct, sys
src, dst, change = sys.argv[1:4]
data = open(src, "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head, body = json.loads(data[8:8 + n]), bytearray(data[8 + n:])
what, _, name = change.partition(":")
at = head[name]["data_offsets"] if name in head else None
if what == "double":   # the value of a bf16 scalar
    (bits,) = struct.unpack("<H", body[at[0]:at[1]])
    body[at[0]:at[1]] = struct.pack("<H", bits + 0x80)
elif what == "nan":    # the last value of an f32 tensor
    body[at[1] - 4:at[1]] = struct.pack("<f", float("nan"))
elif what == "ids":    # the second id becomes 5000
    body[at[0] + 8:at[0] + 16] = struct.pack("<q", 5000)
elif what == "negative":
    body[at[0]:at[0] + 8] = struct.pack("<q", -1)
elif what == "rename":
    old, new = name.split("=")
    head = {new if k == old else k: v for k, v in head.items()}
elif what == "flat":   # the same bytes under another shape
    head[name]["shape"] = [head[name]["shape"][0] * head[name]["shape"][1]]
elif what == "turn":
    head[name]["shape"].reverse()
elif what == "cut":
    body = body[:-4]
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(dst, "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
try() { # try LABEL ARGS...: the exit code, and the last line of what was said
    label=$1; shift
    code=0; "$CARAT" parity "$@" >"$TMPDIR/out" 2>"$TMPDIR/err" || code=$?
    echo "$label: exit $code"
    cat "$TMPDIR/err"
    sed -n '/^first divergence/p; $p' "$TMPDIR/out"
}
cp -r "$golden/e2b" model
ref=model/reference.safetensors
try "as it is" model --reference $ref
try "too strict" model --reference $ref --tolerance 0
for layer in 2 7; do
    python3 "$TMPDIR/edit.py" "$golden/e2b/model.safetensors" model/model.safetensors double:model.language_model.layers.$layer.layer_scalar
    try "layer_scalar $layer doubled" model --reference $ref
done
python3 "$TMPDIR/edit.py" "$golden/e2b/model.safetensors" model/model.safetensors double:model.language_model.layers.2.layer_scalar
try "layer_scalar 2 doubled, bf16" model --reference $ref --numerics bf16
cp "$golden/e2b/model.safetensors" model/model.safetensors
for change in nan:block.3 nan:logits ids:input_ids negative:input_ids rename:logits=other rename:input_ids=other \
    flat:logits turn:block.0 cut; do
    python3 "$TMPDIR/edit.py" "$golden/e2b/reference.safetensors" bad.safetensors $change
    try "$change" model --reference bad.safetensors
done
python3 "$TMPDIR/edit.py" "$golden/e2b/reference.safetensors" bad.safetensors rename:logits_bf16=other
try "no bf16 run" model --reference bad.safetensors --numerics bf16
python3 "$TMPDIR/edit.py" "$golden/e2b/reference.safetensors" bad.safetensors rename:block.3=other
try "one tap less" model --reference bad.safetensors
try "another model" "$golden/dense31" --reference $ref
try "no safetensors" model --reference model/config.json
try "no file" model --reference nothing
try "no reference" model
try "int8" model --reference $ref --numerics int8
try "tolerance" model --reference $ref --tolerance -1
"$CARAT" parity model --reference $ref --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
print(sorted(r))
print(r["passed"], r["n"], [t["tap"] for t in r["taps"]], r["first_divergence"], r["top1_agreement"])'
