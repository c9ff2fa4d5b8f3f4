# Reports of invented runs: every format, two runs side by side, hostile texts, runs that are unfinished or broken.
make() { python3 "$ROOT/tests/support/sample_run.py" "$@"; }
page() { python3 "$ROOT/tests/support/page.py" "$@"; }
code() { c=0; "$@" >out 2>err || c=$?; echo "exit $c"; cat err; }
report() { "$CARAT" report -q "$@"; }

make a --items 140
make b --items 140 --shift -0.1
touch -d '2026-03-01T12:00:00Z' a/report.json b/report.json
report a b
report a b --format markdown | sed -n '1,12p'
report a b --json >ab.json
python3 -c 'import json; d = json.load(open("ab.json")); f = d["flips"]["mmlu-pro"]; print(f["pairs"], f["lost"], f["won"], len(f["items"])); print(d["runs"][0]["results"] == json.load(open("a/report.json"))["results"])'
report a --format benchmark
report a --format benchmark-smaller | head -c 200
echo

echo "-- pages"
report a --format html -o a.html
report a b --format html -o ab.html
report a b a --format html -o aba.html
report a --format html --items 2 -o few.html
report a --format junit -o a.xml
page a.html:1000000 ab.html:1000000 aba.html:1000000 few.html:100000 a.xml

echo "-- hostile texts"
make hostile --items 60 --hostile
for f in text json html markdown junit lm-eval benchmark; do report hostile hostile --format $f -o "h.$f" 2>err || cat err; done
report hostile a --format html -o ha.html # no item in common
page h.html:1500000 h.junit ha.html
grep -c 'not compared' ha.html
grep -c 'alert(1)>' h.html h.junit h.markdown || true
report hostile --format lm-eval -o lm/
python3 -c 'import glob, json
for p in sorted(glob.glob("lm/*")): print(p.partition("_2")[0], sum(1 for x in open(p, newline="\n") if json.loads(x) is not None))'

echo "-- unfinished"
make part --items 40 --unfinished
touch -d "2026-03-01T12:00:00Z" part/items.jsonl
code "$CARAT" report part
head -3 out
report part --format html -o part.html
report part --format junit -o part.xml
page part.html part.xml
grep -c 'not finished' part.html part.xml

echo "-- refused"
code report a --format htlm
code report a --format lm-eval -o a.html
code report a b --format lm-eval
code report nothing
mkdir empty && code report empty
python3 - <<'END'
import json, os, shutil
def spoil(n, change):
    shutil.copytree("a", f"bad{n}")
    report = json.load(open("a/report.json"))
    change(report)
    json.dump(report, open(f"bad{n}/report.json", "w"))
spoil(1, lambda d: d["results"]["mmlu-pro"]["acc"].update(value="high"))
spoil(2, lambda d: d["results"].update({"mmlu-pro": 3}))
spoil(3, lambda d: d["groups"]["mrcr"]["bucket"].update({"4k-8k": None}))
spoil(4, lambda d: d["outcomes"]["mmlu-pro"].update(right=-1))
spoil(5, lambda d: d.pop("results"))
spoil(6, lambda d: d["outcomes"]["mmlu-pro"].update(right=1))
END
for n in 1 2 3 4 5; do code report bad$n; done
code "$CARAT" report bad6 --format junit -o bad6.xml
grep -c 'report.json counts 1 right' bad6.xml
printf '{"suite": "x"}\n' >>bad6/items.jsonl
code report bad6
