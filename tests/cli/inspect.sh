# What inspect says about a small checkpoint, and that all forms of it agree.
python3 "$ROOT/tests/cli/hostile" --make model
$CARAT inspect model --context 64
$CARAT inspect model --tensors | grep "layers.3.mlp.down_proj"
$CARAT inspect model/model.safetensors --json >json
python3 - <<'END'
import json, os
m = json.load(open("json"))
assert sum(t["bytes"] for t in m["tensors"]) == m["bytes"]["total"] == sum(v for k, v in m["bytes"].items() if k != "total")
assert m["parameters"]["total"] * 2 == m["bytes"]["total"]
assert m["memory"]["context"] == 64 and m["memory"]["kv"] > 0
print(m["family"], m["scheme"], m["config"]["layers_kv"], len(m["tensors"]), m["tensors"][0]["role"])
END
c=0; $CARAT inspect model --context 65 || c=$?; echo "too long: $c"
c=0; $CARAT inspect nosuch/model || c=$?; echo "missing: $c"
