# K and V in four types; what the words refuse; a context that does not fit in memory is refused before it is paid for.
m=$ROOT/tests/golden/e2b
for kv in f32 bf16 f16 int8; do
    "$CARAT" inspect $m --context 256 --kv $kv | grep 'memory for'
    "$CARAT" logits $m --ids 2,17,9,4,8,15,16,23 --kv $kv -o $kv.safetensors -q
done
cmp -s f32.safetensors int8.safetensors && echo "int8 changed nothing"
"$CARAT" logits $m --ids 2,17,9 --numerics bf16 -o a.safetensors -q
"$CARAT" logits $m --ids 2,17,9 --numerics bf16 --kv f32 -o b.safetensors -q
python3 - a.safetensors b.safetensors <<'PY' || cmp a.safetensors b.safetensors
import json, struct, sys
def data(path):
    raw = open(path, "rb").read()
    return raw[8 + struct.unpack("<Q", raw[:8])[0]:]
print("bf16 numerics: the same bits with bf16 as with f32" if data(sys.argv[1]) == data(sys.argv[2]) else "bf16 differs")
PY
"$CARAT" logits $m --ids 2 --kv q4 -o c.safetensors && exit 1
cp -r $m long
sed -i 's/"max_position_embeddings": 256/"max_position_embeddings": 2000000000/' long/config.json
code=0
"$CARAT" run long --prompt-ids 2,17 --raw --ids -n 4 -c 2000000000 || code=$?
echo "exit $code"
"$CARAT" run long --prompt-ids 2,17 --raw --ids -n 4 -c 4000000 --kv int8 --temperature 0 # 4 GB promised, a few pages taken
