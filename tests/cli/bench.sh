# Speed is not asserted, only that every number is there and means something; drafting must write what decoding writes.
d=$ROOT/datasets/demo
"$CARAT" bench "$d/model" -p 24 -n 12 -d 0,32 -r 1 -t 2 --parallel 1,2 --draft "$d/drafter" --text "$d/heldout.txt" --svg depth.svg -o json -q > out.json
python3 - <<'P'
import json, xml.dom.minidom
rows = {r["test"]: r for r in json.load(open("out.json"))}
print(*rows)
for name, r in rows.items():
    rate = r["tokens_per_s"]
    assert 0 < rate["min"] <= rate["median"] <= rate["max"], name
    assert r["int8_gop_s"] > 0 and r["f32_gflop_s"] > 0 and r["load_s"] > 0 and r["peak_rss"] > r["anon_rss"] > 0, name
    if "+draft" in name:
        assert r["fraction"] is None and 0 <= r["accepted"] <= r["drafted"] and r["plain_tokens_per_s"] > 0, name
        assert abs(r["speed_up"] - rate["median"] / r["plain_tokens_per_s"]) < 1e-9 * r["speed_up"], name
    else:
        assert r["fraction"] > 0 and r["read_gb_s"] > 0 and r["ops_per_token"] > 0, name
assert sum(r["drafted"] for r in rows.values() if "drafted" in r) > 0
drawn = xml.dom.minidom.parse("depth.svg").documentElement.toxml()
assert drawn.count("<circle") >= 2 or drawn.count("<path") + drawn.count("<polyline") >= 1
P
for bad in "--text $d/heldout.txt" "--draft $d/model" "--draft $d/drafter -n 1" "-d 3 -p 0 -n 0" "-o xml"; do
    code=0
    "$CARAT" bench "$d/model" -p 4 -n 2 -r 1 -q $bad 2> err || code=$?
    echo "exit $code: $(sed "s|$ROOT/||g" err)"
done
