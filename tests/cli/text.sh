# carat text: whole texts and lines, ids and text; bad lines are named; what does not exist yet says so.
T=$ROOT/tests/text/tokenizer.json
fails() { c=0; "$@" >out 2>err || c=$?; cat out err; echo "exit $c"; }
printf 'The dog\n<bos>' | $CARAT text encode "$T"
printf 'The dog\n<bos>' | $CARAT text encode "$T" --plain
printf 'The dog' | $CARAT text encode "$T" --add-bos
printf '' | $CARAT text encode "$ROOT/tests/text"
printf '"a\\u0000b"\n"\\ud83d\\ude00 > </p>"\n""\n' | $CARAT text encode "$T" --jsonl
printf 'x \377y\342\226\n' | $CARAT text encode "$T" | $CARAT text decode "$T"
printf '[2,10,106,11]\n[]\n[13,268]\n' | $CARAT text decode "$T" --jsonl
printf '[2,10,106,11]' | $CARAT text decode "$T" --jsonl --skip-special
printf '[106]\n [106,\t106 ]' | $CARAT text decode "$T" | od -c
echo "-- refused"
printf '"fine"\n"cut\n' >lines
fails $CARAT text encode "$T" --jsonl <lines
printf '[1]\n[1] 2\n' >lines
fails $CARAT text decode "$T" --jsonl <lines
printf '[1]\n[99999]\n' >lines
fails $CARAT text decode "$T" --jsonl <lines
printf '[4000000000]' >lines
fails $CARAT text decode "$T" <lines
printf '[1,-2]' >lines
fails $CARAT text decode "$T" <lines
fails $CARAT text decode "$T" </dev/null
echo '{"version":"1.0","model":{"type":"WordPiece","vocab":{}}}' >other.json
fails $CARAT text encode other.json </dev/null
fails $CARAT text encode nosuchfile.json </dev/null
echo "-- usage"
fails $CARAT text render other.json </dev/null
fails $CARAT text render "$T" --template middle </dev/null
fails $CARAT text parse "$T" --ids </dev/null
fails $CARAT text translate "$T" </dev/null
fails $CARAT text decode "$T" --plain </dev/null
fails $CARAT text encode "$T" --skip-special </dev/null
fails $CARAT text encode </dev/null
echo "-- the Hugging Face cache"
mkdir -p hub/models--some--model/refs hub/models--some--model/snapshots/abc
printf abc >hub/models--some--model/refs/main
cp "$T" hub/models--some--model/snapshots/abc/
printf 'The dog' | HF_HUB_CACHE=$PWD/hub $CARAT text encode some/model
