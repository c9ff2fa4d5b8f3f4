# Results over time: a run is kept once, adds at the same time all arrive, files of other kinds are refused.
make() { python3 "$ROOT/tests/support/sample_run.py" "$@"; }
code() { c=0; "$@" >out 2>err || c=$?; echo "exit $c"; cat err; }
history() { "$CARAT" history "$@"; }

for i in 1 2 3; do
    make "run$i" --items 40 --seed $i
    touch -d "2026-0$i-15T10:00:00Z" "run$i/report.json"
done
make part --items 20 --unfinished
make hostile --items 20 --hostile
touch -d '2026-04-15T10:00:00Z' hostile/report.json

history add h.db run1 2>&1
history add h.db run1 run2 --label "3f2a91c" 2>&1
history add h.db run1 run3 2>&1
cp -r run1 moved && touch -d '2026-01-15T10:00:00Z' moved/report.json
history add h.db moved 2>&1
history list h.db --suite mmlu-pro
history list h.db --metric top1_agreement --model E2B
history list h.db --model nothing
history list h.db --all --json >all.json
python3 -c 'import json
rows = json.load(open("all.json"))
one = json.load(open("run2/report.json"))
mine = [r for r in rows if r["name"] == "run2"]
print(len(rows), len(mine), all(r["value"] == one["results"][r["suite"]][r["metric"]]["value"] and r["low"] == one["results"][r["suite"]][r["metric"]]["low"]
                                for r in mine), mine[0]["label"], [r["outcomes"] for r in mine if r["suite"] == "mmlu-pro"])'

echo "-- drawn"
history plot h.db -o h.svg
history plot h.db --all -o all.svg
history add -q h.db hostile --label '"></svg><script>alert(1)</script>'
history plot h.db --suite mmlu-pro -o hostile.svg
history list h.db --suite mrcr >list.txt
python3 "$ROOT/tests/support/page.py" h.svg:40000 all.svg:80000 hostile.svg:40000
grep -c 'whisker' h.svg
grep -c '<script' hostile.svg || true
LC_ALL=C grep -c "$(printf '[\001-\010\033]')" list.txt || true

echo "-- many at once"
for n in 1 2 3 4 5 6 7 8; do history add -q many.db run$((n % 3 + 1)) --label "build $n" & done
wait
history add many.db run1 --label "build 3" 2>&1
history list many.db --suite mmlu-pro --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(len(d), sorted({r["label"] for r in d})[0])'

echo "-- refused"
code history list nothing.db
code history list .
code history add new.db part
test ! -e new.db && echo "nothing was made"
code history add h.db nothing
code history plot h.db --suite nothing
code history ad h.db
code history add h.db
code history list h.db run1
: >empty.db
code history list empty.db
code history add empty.db run1
printf 'not a database, but long enough to be looked at by anyone who wonders what it is\n' >text.db
code history list text.db
code history add text.db run1
cp h.db whole.db
python3 - <<'END'
import sqlite3
def spoil(name, statement):
    data = open("whole.db", "rb").read()
    open(name, "wb").write(data)
    db = sqlite3.connect(name)
    db.execute(statement)
    db.commit()
    db.close()
spoil("version.db", "PRAGMA user_version = 2")
spoil("other.db", "PRAGMA application_id = 7")
spoil("trigger.db", "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM score; END")
data = open("whole.db", "rb").read()
open("cut.db", "wb").write(data[:len(data) // 2])
open("noise.db", "wb").write(data[:4200] + bytes(range(256)) * 16 + data[8296:])
END
for d in version other trigger cut noise; do code history list $d.db | sed 's/damaged: .*/damaged: ./'; done
for d in version other trigger cut noise; do code history add $d.db run3 | sed 's/damaged: .*/damaged: ./'; done
cmp h.db whole.db && echo "the history itself is as it was"
