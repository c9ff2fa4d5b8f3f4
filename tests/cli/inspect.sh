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
echo "== the rest of the family"
tiny="python3 $ROOT/tests/support/tiny.py"
$tiny moe --like moe --tower && $CARAT inspect moe --check | sed -n 2,9p
$tiny bad --like moe --bad model.language_model.layers.1.experts.gate_up_proj=nan
$CARAT inspect bad >/dev/null && echo "names and shapes are right"
c=0; $CARAT inspect bad --check || c=$?; echo "numbers are not: $c"
python3 - <<'END'
import json
c = json.load(open("moe/config.json"))
c["audio_config"] = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
json.dump(c, open("moe/config.json", "w"))
END
$CARAT inspect moe | grep audio:
