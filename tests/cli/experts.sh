# Experts: packed under names of their own, one scheme a layer, and fused again by convert.
tiny="python3 $ROOT/tests/support/tiny.py"
no() { c=0; "$@" >out 2>err || c=$?; echo "$c $(wc -l <err): $(sed 's/^carat: //' err | cut -c1-230)"; }
rows() { python3 -c '
import json, sys
seen = {}
for t in json.load(open(sys.argv[1]))["tensors"]:
    if "experts" in t["name"]:
        k = (t["role"], *t["shape"], t["wanted"], t["got"], t["why"])
        seen[k] = seen.get(k, 0) + 1
for k, n in seen.items():
    print(n, *k)' "$1"; }
$tiny moe --like moe

echo "== taken apart"
$CARAT quantize moe a --scheme int4-g32 --report r -t 1 -q
rows r
$CARAT quantize moe b --scheme int4-g32 -t 3 -q
diff -r a b && echo "the same bytes for 1 and 3 threads"
$CARAT inspect a --tensors | grep -o 'layers.2.experts.3.*' | sort
$CARAT inspect a | grep -e 'active' -e 'experts'

echo "== and fused again"
$CARAT convert a f32 --dtype f32 -q
$CARAT convert a bf16 --dtype bf16 -q
$CARAT quantize bf16 again --scheme int4-g32 --method absmax -q
python3 - <<'PY'
import json, struct
def read(path):
    raw = open(path + "/model.safetensors", "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    h = json.loads(raw[8:8 + n])
    h.pop("__metadata__")
    return {k: (v["dtype"], v["shape"], raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]) for k, v in h.items()}
bf = lambda b: struct.unpack("<f", b"\0\0" + b)[0]
packed, fused, source = read("a"), read("f32"), read("moe")
print("the names of the source:", sorted(fused) == sorted(source), "shapes:", all(fused[k][1] == source[k][1] for k in source))
wrong = checked = 0
for layer in range(4):
    at = f"model.language_model.layers.{layer}.experts."
    for name, parts in (("gate_up_proj", ("gate_proj", "up_proj")), ("down_proj", ("down_proj",))):
        stack, i = fused[at + name][2], 0
        for e in range(4):
            for part in parts:
                m = f"{at}{e}.{part}"
                rows, cols = struct.unpack("<2q", packed[m + ".weight_shape"][2])
                codes, scales = packed[m + ".weight_packed"][2], packed[m + ".weight_scale"][2]
                for k in range(rows * cols):
                    q = (codes[k // 2] >> 4 * (k % 2) & 15) - 8
                    wrong += struct.pack("<f", q * bf(scales[2 * (k // 32):2 * (k // 32) + 2])) != stack[4 * i:4 * i + 4]
                    i += 1
        checked += i
        assert 4 * i == len(stack)
print("wrong products:", wrong, "of", checked)
PY

echo "== one scheme a layer"
$CARAT quantize moe c --scheme int8 --set 'layers\.[01]\.experts\.2\.=int4-g16' --set 'layers\.3\.experts=keep' --report r -q
rows r
python3 -c '
import json
q = json.load(open("c/config.json"))["quantization_config"]
for g in q["config_groups"].values():
    print(g["weights"]["num_bits"], g["weights"]["group_size"], *[t for t in g["targets"] if "experts" in t])
print(*[t for t in q["ignore"] if "experts" in t])'
$CARAT quantize moe d --scheme int4-g64 --dry-run --report r -q
rows r
$CARAT quantize moe d --scheme int4-g32 --experts bf16 --report r -q
rows r
grep -o '"loads": *[a-z]*' r
$CARAT quantize moe e --scheme int8 --experts int4-g32 --json | python3 -c '
import json, sys
for l in json.load(sys.stdin)["loads_in"]:
    print(l["loads"], l["note"])'

echo "== refused"
no $CARAT quantize moe x --scheme int8 --experts int4-g64
no $CARAT quantize moe x --scheme int8 --set 'experts\.3\.up=int4-g64'
no $CARAT quantize moe x --scheme int8 --set 'experts\.1\.=int4-g32' --set 'experts\.2\.=int4-g16'
no $CARAT quantize a x --scheme int8
$tiny bad --like moe --bad model.language_model.layers.1.experts.gate_up_proj=nan
no $CARAT quantize bad x --scheme int8
lose() { # OUT NAME: a copy of the packed one without that tensor
    cp -r a "$1"
    python3 - "$1/model.safetensors" "$2" <<'PY'
import json, struct, sys
raw = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
h = json.loads(raw[8:8 + n])
e = h.pop(sys.argv[2])
h["lost"] = e
j = json.dumps(h).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(j)) + j + raw[8 + n:])
PY
}
lose l1 model.language_model.layers.1.experts.3.up_proj.weight_scale
lose l2 model.language_model.layers.1.experts.0.gate_proj.weight_packed
no $CARAT inspect l1
no $CARAT convert l2 x --dtype bf16
ls -d x* 2>/dev/null || echo "nothing written"
