# What an output may take the place of: never its own input, a directory, a device, or what carat did not write.
demo=$ROOT/datasets/demo/model
no() { c=0; "$@" >out 2>err </dev/null || c=$?; echo "$c $(sed 's/^carat: //' err | cut -c1-150)"; }
cp -r "$demo" model
cp -r "$demo" kept
mkdir -p around precious none
cp -r "$demo" around/model
echo years >precious/thesis
echo mine >file
mkfifo pipe
ln -s model/config.json link
ln -s ../model around/link

echo "== directories"
no $CARAT convert model precious --force
no $CARAT convert around/model around --force
no $CARAT convert around/link model --force
no $CARAT convert model file --force
no $CARAT convert model none --force -q
no $CARAT convert model none --force -q
no $CARAT quantize model none --scheme int8
no $CARAT quantize model precious/thesis --scheme int8 --force
cat precious/thesis file

echo "== files: logits"
no $CARAT logits model --ids 2,3 -o model/model.safetensors --force
no $CARAT logits around/link --ids 2,3 -o model/config.json --force
no $CARAT logits model --ids 2,3 -o precious --force
no $CARAT logits model --ids 2,3 -o pipe --force
no $CARAT logits model --ids 2,3 -o file
no $CARAT logits model --ids 2,3 -o model/logits.safetensors -q
[ -p pipe ] && echo "the pipe stands"

echo "== files: reports of quantize, before the work"
no $CARAT quantize model q --scheme int8 --report model/config.json --force
no $CARAT quantize model q --scheme int8 --report file
no $CARAT quantize model q --scheme int8 --report precious
no $CARAT quantize model q --scheme int8 --report nowhere/r.json
ls -d q 2>/dev/null || echo "nothing written"
no $CARAT quantize model q --scheme int8 --report q/r.json -q
no $CARAT quantize model q --scheme int8 --report r.json --force -q
no $CARAT quantize model q --scheme int4-g32 --report r.json --force -q
no $CARAT quantize model q2 --scheme int4-g32 --report r.json -q

echo "== files: pictures, reports, a database"
no $CARAT bench model -p 0 -n 4 -r 1 -d 0,8 --svg model/model.safetensors
no $CARAT bench model -p 0 -n 4 -r 1 -d 0,8 --svg file
no $CARAT bench model -p 0 -n 4 -r 1 -d 0,8 --svg a.svg
no $CARAT bench model -p 0 -n 4 -r 1 -d 0,8 --svg a.svg
no $CARAT eval model --suite gsm8k --limit 2 -o run -q
no $CARAT report run -o run/items.jsonl --force
no $CARAT report run -o run/report.html -f html
no $CARAT report run -o run/report.html -f html --force
no $CARAT history add h.db run
no $CARAT history list h.db -o h.db --force
no $CARAT history list h.db -o file
no $CARAT history plot h.db -o h.svg
no $CARAT history plot h.db -o h.svg
no $CARAT history list h.db
echo '{}' >precious/report.json
no $CARAT eval model --suite gsm8k --limit 2 -o precious -q
cat precious/report.json file
printf '/save file\n/save talk.json\n/save talk.json\n/save model/config.json\n' | $CARAT chat model -q 2>&1 | sed 's/^carat: //'

echo "== the input is what it was"
rm -f model/logits.safetensors
diff -r kept model && echo same
