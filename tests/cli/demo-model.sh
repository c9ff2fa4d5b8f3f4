# The embedded model as carat runs it: the perplexity is the one that transformers measured (datasets/demo/README.md), and it answers.
model=$ROOT/datasets/demo/model
$CARAT eval "$model" --suite perplexity --data "perplexity=$ROOT/datasets/demo/heldout.txt" --context 256 -o run -q >table
python3 -c 'import json; print("%.4f" % json.load(open("run/report.json"))["results"]["perplexity"]["perplexity"]["value"])'
$CARAT run "$model" -p 'What is 47 + 38?' -n 60
$CARAT run "$model" -p 'What is the capital of Norway?' -n 60
$CARAT quantize "$model" int8 --scheme int8 -q >report
$CARAT run int8 -p 'Write as JSON: Ruby is 31 years old, lives in Vienna and likes chess and singing.' -n 80
# with its drafter: the same text, and drafts that were right
$CARAT run "$model" -p 'Tell me a story about Leo.' -n 60 -t 1 >plain
$CARAT run "$model" -p 'Tell me a story about Leo.' -n 60 -t 1 --draft "$ROOT/datasets/demo/drafter" --draft-length 2 >drafted 2>notes
cmp plain drafted && sed 's/^carat: drafts: [1-9][0-9]* of [0-9]* right.*/drafts were right/' notes
