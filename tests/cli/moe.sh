# A mixture of experts, quantized: experts packed one by one compute what fused ones compute, whatever threads and pieces.
golden="$ROOT/tests/golden/moe"
ids=$(sed -n 's/^prompt: //p' "$golden/greedy.txt")
logits() { # MODEL OUT OPTION...
    model=$1 out=$2
    shift 2
    "$CARAT" logits "$model" --ids "$ids" --taps -o "$out" -q "$@"
}
for scheme in int8 int4-g32; do
    "$CARAT" quantize "$golden" $scheme --scheme $scheme -q >quantize.txt
    "$CARAT" convert $scheme $scheme-f32 --dtype f32 -q >convert.txt
    logits $scheme $scheme.apart
    logits $scheme-f32 $scheme.fused
    cmp $scheme.apart $scheme.fused && echo "$scheme: experts apart and fused: the same bits"
    logits $scheme $scheme.1 --numerics int8 -t 1
    logits $scheme $scheme.2 --numerics int8 -t 2 --batch 1
    logits $scheme $scheme.3 --numerics int8 -t 2 --batch 7
    logits $scheme $scheme.4 --numerics int8 -t 1 --kernels ref --batch 27
    cmp $scheme.1 $scheme.2 && cmp $scheme.1 $scheme.3 && echo "$scheme: the same bits for any threads and pieces"
    "$CARAT" run $scheme --prompt-ids "$ids" --raw --ids --ignore-eos --temperature 0 -n 8 | grep -c finish
done
# what one token multiplies with: of five experts three
for model in int8 "$golden"; do
    "$CARAT" inspect "$model" | sed -n 's/^\(total\|active for a token\)  */\1: /p'
done
# a checkpoint that lacks one expert's matrix
"$CARAT" inspect int8 --tensors >tensors.txt
grep -c 'experts\.[0-9]*\.gate_proj' tensors.txt
sed -i 's/layers\.2\.experts\.3\.up_proj\.weight_packed/layers.2.experts.3.up_proj.weight_pocket/' int8/model.safetensors
"$CARAT" run int8 --prompt-ids 2,5 --raw --ids -n 2 || echo "exit $?"
# a drafter does not run alone
"$CARAT" run "$ROOT/tests/golden/draft-dense" --prompt-ids 2,5 --raw --ids -n 2 || echo "exit $?"
