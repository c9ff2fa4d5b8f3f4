# quantize and convert: what is written, what is refused, and that the bytes do not depend on threads or kernels.
tiny="python3 $ROOT/tests/support/tiny.py"
no() { c=0; "$@" >out 2>err || c=$?; echo "$c $(wc -l <err): $(sed 's/^carat: //' err | cut -c1-170)"; }
sums() { (cd "$1" && for f in *; do sha256sum "$f"; done); }

$tiny e2b --tower
$tiny dense --like 31b --shards 3 --untied

echo "== the plan, without writing"
$CARAT quantize e2b out --scheme int4-g32 --dry-run | head -12
ls -d out 2>/dev/null || echo "nothing written"

echo "== the same bytes for any number of threads, other files carried"
$CARAT quantize e2b a --scheme int4-g32 -t 1 >/dev/null
$CARAT quantize e2b b --scheme int4-g32 -t 3 --memory 64M >/dev/null
diff -r a b && ls a
cmp e2b/tokenizer_config.json a/tokenizer_config.json
cmp e2b/generation_config.json a/generation_config.json

echo "== what was packed decodes to what was coded, and converts to itself"
$CARAT convert a f32 --dtype f32 -q
$CARAT convert a copy -q
cmp a/model.safetensors copy/model.safetensors && echo "metadata goes along"
$CARAT convert copy again -q
diff -r copy again && echo "a copy of a copy is the same"
$CARAT convert a bf16 --dtype bf16
$CARAT quantize bf16 c --scheme keep >/dev/null
python3 - <<'PY'
import json, struct
def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    h = json.loads(raw[8:8 + n])
    meta = h.pop("__metadata__")
    return meta, {k: (v["dtype"], v["shape"], raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]) for k, v in h.items()}
bf = lambda b: struct.unpack("<f", b"\0\0" + b)[0]
meta, packed = read("a/model.safetensors")
_, f32 = read("f32/model.safetensors")
_, source = read("e2b/model.safetensors")
print({k: v if len(v) < 64 else "sha256" for k, v in meta.items()})
m = "model.language_model.layers.2.mlp.down_proj"
rows, cols = source[m + ".weight"][1]
print(packed[m + ".weight_packed"][:2], packed[m + ".weight_scale"][:2], struct.unpack("<2q", packed[m + ".weight_shape"][2]))
codes, scales = packed[m + ".weight_packed"][2], packed[m + ".weight_scale"][2]
bad = 0
for r in range(rows):
    for c in range(cols):
        nibble = codes[(r * cols + c) // 2] >> 4 * (c % 2) & 15
        g = (r * cols + c) // 32
        want = (nibble - 8) * bf(scales[2 * g:2 * g + 2])
        bad += struct.pack("<f", want) != f32[m + ".weight"][2][4 * (r * cols + c):][:4]
print("wrong products:", bad)
kept = [k for k in source if k in packed and packed[k] == source[k]]
print("kept bit for bit:", len(kept), "of", len(source))
print("config of the decoded copy:", {k: v for k, v in json.load(open("f32/config.json")).items() if k in ("dtype", "quantization_config")})
PY

echo "== shards"
$CARAT quantize dense d --scheme int8 --embeddings int8 >/dev/null
ls d

echo "== refused"
no $CARAT quantize e2b x
no $CARAT quantize e2b x --scheme int5
no $CARAT quantize e2b x --scheme q4_0
no $CARAT quantize e2b x.gguf --scheme int8
no $CARAT quantize e2b x --scheme int8 --set 'nosuch=int8'
no $CARAT quantize e2b x --scheme int8 --set 'q_proj'
no $CARAT quantize e2b x --scheme int8 --set '(=int8'
no $CARAT quantize e2b x --scheme int8 --set 'norm=int8'
no $CARAT quantize e2b x --scheme int8 --set 'down_proj=int4-g128'
no $CARAT quantize e2b x --scheme int8 --set 'q_proj=int4-g32' --set 'k_proj=int8'
no $CARAT quantize e2b x --scheme int8 --embeddings w8a8
no $CARAT quantize e2b x --scheme int8 --set 'vision_tower.*up_proj=int4-g64'
no $CARAT quantize e2b x --scheme int8 --method best
no $CARAT quantize e2b x --scheme int8 --memory 4k -t 2
no $CARAT quantize a x --scheme int8
no $CARAT quantize e2b a --scheme int8
no $CARAT quantize e2b e2b --scheme int8 --force
ln -s e2b link
no $CARAT quantize e2b link --scheme int8 --force
no $CARAT quantize e2b nowhere/x --scheme int8
no $CARAT convert e2b x --dtype int8
no $CARAT convert nosuch x --dtype f32
ls -d x* nowhere 2>/dev/null || echo "nothing written"

echo "== numbers that cannot be coded"
$tiny nan --bad model.language_model.layers.1.mlp.up_proj.weight=nan
no $CARAT quantize nan x --scheme int8
no $CARAT convert nan x --dtype f32
$tiny inf --dtype F32 --bad model.language_model.layers.0.self_attn.q_proj.weight=-inf
no $CARAT quantize inf x --scheme int4-g32
$tiny big --dtype F32 --bad model.language_model.layers.0.self_attn.q_proj.weight=70000
no $CARAT convert big x --dtype f16
$tiny zero --zero model.language_model.layers.0.self_attn.q_proj.weight
$CARAT quantize zero z --scheme int4-g32 --json | python3 -c '
import json, sys
r = [t for t in json.load(sys.stdin)["tensors"] if t["name"].endswith("layers.0.self_attn.q_proj.weight")][0]
print("zeros:", r["got"], r["nmse"], r["max_error"], r["zero_groups"])'

echo "== schemes that cannot be had as they are"
$tiny odd --hidden 72
$CARAT quantize odd o --scheme int4-g64 --json | python3 -c '
import json, sys
for t in json.load(sys.stdin)["tensors"]:
    if "layers.0." in t["name"] and t["role"].endswith("_proj"):
        print(t["role"], t["shape"], t["wanted"], t["got"], "|", t["why"])'
$CARAT quantize e2b s --scheme int4-g32 --set 'layers\.0\.self_attn\.k=int8' --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
for t in r["tensors"]:
    if "layers.0.self_attn" in t["name"] and t["role"].endswith("_proj"):
        print(t["role"], t["wanted"], t["got"], "|", t["why"])
for l in r["loads_in"]:
    print(l["loads"], l["note"])'
python3 -c '
import json
q = json.load(open("s/config.json"))["quantization_config"]
for g in q["config_groups"].values():
    print(g["weights"]["num_bits"], g["weights"]["group_size"], g["format"], *g["targets"])
print(q["format"], *q["ignore"])'

echo "== towers: packed only when a --set names them"
$CARAT quantize e2b t --scheme keep --set 'vision_tower.*mlp=int8' --json | python3 -c '
import json, sys
for t in json.load(sys.stdin)["tensors"]:
    if t["got"] != "keep":
        print(t["role"], t["name"], t["got"])'
python3 -c '
import json
q = json.load(open("t/config.json"))["quantization_config"]
print(*q["config_groups"]["group_0"]["targets"])
print(*[i for i in q["ignore"] if "vision" in i])'
$CARAT convert t t2 --dtype bf16 -q && $CARAT inspect t2 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["parameters"]["towers"])'

echo "== a config that disagrees is seen before anything is written"
cp -r e2b lies && sed -i 's/"hidden_size": 64/"hidden_size": 32/' lies/config.json
no $CARAT convert lies x
ls -d x x.* 2>/dev/null || echo "nothing written"
