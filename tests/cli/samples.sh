# The built-in samples are what make-samples writes, byte for byte, and are read out of the program as tables.
"$ROOT/scripts/make-samples" made
for file in made/*.jsonl; do
    name=$(basename "$file" .jsonl)
    cmp "$file" "$ROOT/datasets/samples/$name.jsonl" && $CARAT datasets cat "sample:$name" | cmp - "$file" && echo "$name"
done
$CARAT datasets cat sample:nothing 2>&1 || echo "exit $?"
