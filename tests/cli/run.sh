# carat run: where the prompt comes from, what the options do to the reply, what comes out, what is refused.
M=$ROOT/datasets/demo/model Q='What is 47 + 38?'
fails() { code=0; "$@" || code=$?; echo "$code"; }
$CARAT run "$M" -p "$Q"
printf '%s\n' "$Q" | $CARAT run "$M" -p -
[ "$($CARAT run "$M" -p "$Q" --template large -n 1 --ids)" != "$($CARAT run "$M" -p "$Q" --template small -n 1 --ids)" ] && echo editions differ
$CARAT run "$M" -p "$Q" --stop ' So' --stop nothing
$CARAT run "$M" -p "$Q" --stop '7 + 8' --stop '+ 8 = 1'
$CARAT run "$M" -p "$Q" -n 4
$CARAT run "$M" -p "$Q" --json | sed 's/"[a-z_]*_s": [0-9.e-]*/"#_s": #/g'
$CARAT run "$M" -p "$Q" --json --stop ' So' | sed 's/, "timings".*//'
$CARAT run "$M" -p "$Q" --ids --stop ' So' | sed 's/.*"finish"/"finish"/'
$CARAT run "$M" -p "$Q" -n 4 -c 22 2>&1
# The same seed and options draw the same; generation_config.json decides what no option says.
S='Tell me a story.' how='--temperature 2.5 --top-p 0.98 --min-p 0.001 --repetition-penalty 1.2'
one=$($CARAT run "$M" -p "$S" -n 24 $how --seed 5 --ids -t 1)
two=$($CARAT run "$M" -p "$S" -n 24 $how --seed 5 --ids -t 2)
[ "$one" = "$two" ] && echo same
mkdir m && ln -s "$M"/* m/ && rm m/generation_config.json
cat >m/generation_config.json <<'J'
{"bos_token_id": 2, "pad_token_id": 0, "eos_token_id": [1, 16, 9], "do_sample": true, "temperature": 2.5, "top_k": 0, "top_p": 0.98,
 "min_p": 0.001, "repetition_penalty": 1.2}
J
three=$($CARAT run m -p "$S" -n 24 --seed 5 --ids)
[ "$one" = "$three" ] && echo defaults
[ "$one" != "$($CARAT run m -p "$S" -n 24 --seed 6 --ids)" ] && echo another seed
[ "$($CARAT run m -p "$Q" -n 24 --temperature 0 --repetition-penalty 1)" = "$($CARAT run "$M" -p "$Q" -n 24)" ] && echo greedy
# Refused.
fails $CARAT run "$M" 2>&1
fails $CARAT run "$M" -p "$Q" --prompt-ids 2 2>&1
fails $CARAT run "$M" --raw --system x -p "$Q" 2>&1
fails $CARAT run "$M" -p "$Q" --image cat.jpg 2>&1
fails $CARAT run "$M" -p "$Q" --top-p 1.5 2>&1
fails $CARAT run "$M" -p "$Q" --stop '' 2>&1
fails $CARAT run "$M" -p "$Q" --template tiny 2>&1
fails $CARAT run "$M" -p "$Q" -c 8 2>&1
printf 'a\0b' | fails $CARAT run "$M" -p - 2>&1
rm m/chat_template.jinja && echo '{{ messages }}' >m/chat_template.jinja
fails $CARAT run m -p "$Q" 2>&1
