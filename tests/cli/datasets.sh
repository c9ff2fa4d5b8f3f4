# carat datasets cat: the same rows whatever they are packed in; what cannot be read is named. The tables are pyarrow's (tests/hf/test_tables.py).
G=$ROOT/tests/golden/tables
fails() { c=0; "$@" >out 2>err || c=$?; cat out err | sed "s|$G/||"; echo "exit $c"; }
for f in snappy gzip zstd-v2; do $CARAT datasets cat "$G/$f.parquet" | cmp - "$G/rows.json" && echo "$f: equal"; done
$CARAT datasets cat "$G/rows.json" | cmp - "$G/rows.json" && echo "lines: equal"
gzip -c "$G/rows.json" >rows.jsonl.gz && $CARAT datasets cat rows.jsonl.gz | cmp - "$G/rows.json" && echo "lines.gz: equal"
$CARAT datasets cat "$G/snappy.parquet" --limit 1
printf 'a,b\r\n1,"x, ""y""\n"\n\n,\n' >t.csv && $CARAT datasets cat t.csv
echo "-- refused"
head -c 2000 "$G/snappy.parquet" >cut.parquet && fails $CARAT datasets cat cut.parquet
printf 'a,b\n1\n' >t.csv && fails $CARAT datasets cat t.csv
printf 'a,b\n1,"2\n' >t.csv && fails $CARAT datasets cat t.csv
printf '{"a": 1}\n{"a": \n' >t.jsonl && fails $CARAT datasets cat t.jsonl
printf '{"a": 1}\n[1]\n' >t.jsonl && fails $CARAT datasets cat t.jsonl
fails $CARAT datasets cat nosuchfile
fails $CARAT datasets dog t.jsonl
