# The sandbox: programs that want out of it, as root and as an ordinary user; where it cannot be had nothing is run, unless that is asked for.
# All the programs, and those that take long: tests/hf/test_livecodebench.py.
python3 "$ROOT/tests/support/hostile.py" "$CARAT" >out 2>err || { cat out err; exit 1; }
grep SKIP out || true
if ! grep -q 'none got through' out; then tail -1 out; exit 77; fi
echo "-- without bubblewrap"
mkdir bin
ln -s "$(command -v python3)" bin/python3
for t in sh bash dirname readlink env; do ! p=$(command -v $t) || ln -s "$p" bin/$t; done
echo '{"id": 1, "question_id": "sample_add", "code": "print(int(input()) + int(input()))"}' >replies
c=0
PATH=$PWD/bin $CARAT grade livecodebench --data sample:livecodebench --replies replies 2>&1 || c=$?
echo "exit $c"
PATH=$PWD/bin $CARAT grade livecodebench --data sample:livecodebench --replies replies --unsafe-no-sandbox
