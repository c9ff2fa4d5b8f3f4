# The golden checkpoints against what transformers computed for them: every tap, every kernel set, both numerics, greedy text.
cd "$ROOT/tests/golden"
for model in e2b dense31 text moe unified; do
    ids=$(sed -n 's/^prompt: //p' $model/greedy.txt)
    for kernels in ref auto; do
        for numerics in f32 bf16; do
            # the mixture has roundings of its own that move little: a tighter share of the floor, where sums have one order everywhere
            limit=
            [ "$model $kernels $numerics" = "moe ref bf16" ] && limit="--tolerance 0.02"
            echo "$model $kernels $numerics: $("$CARAT" parity $model --reference $model/reference.safetensors \
                --kernels $kernels --numerics $numerics $limit | tail -1)"
        done
    done
    "$CARAT" run $model --prompt-ids "$ids" --raw --ids --ignore-eos --temperature 0 -n 64 --numerics f32 |
        sed 's/.*"ids": *\[//; s/\].*//; s/ //g' >"$TMPDIR/ids"
    sed -n 's/^greedy: //p' $model/greedy.txt | cmp - "$TMPDIR/ids" && echo "$model greedy text: the same 64 ids"
    # the same bytes whatever the threads and the pieces
    "$CARAT" logits $model --ids "$ids" --taps -o "$TMPDIR/$model.1" -t 1 -q
    "$CARAT" logits $model --ids "$ids" --taps -o "$TMPDIR/$model.2" -t 2 -q
    "$CARAT" logits $model --ids "$ids" --taps -o "$TMPDIR/$model.3" -t 2 --batch 1 -q
    "$CARAT" logits $model --ids "$ids" --taps -o "$TMPDIR/$model.4" -t 1 --batch 7 -q
    for i in 2 3 4; do cmp "$TMPDIR/$model.1" "$TMPDIR/$model.$i" && echo "$model: variant $i is equal"; done
done
# the drafters: logits and next hidden state of five steps
for pair in draft-dense:dense31 draft-centroid:e2b; do
    draft=${pair%:*} model=${pair#*:}
    for kernels in ref auto; do
        for numerics in f32 bf16; do
            echo "$draft $kernels $numerics: $("$CARAT" parity $model --draft $draft --reference $draft/reference.safetensors \
                --kernels $kernels --numerics $numerics | tail -1)"
        done
    done
done
