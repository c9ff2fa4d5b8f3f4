# The held-out files are what make-corpus writes from their seeds, byte for byte, and nothing asked in them is asked in training texts.
make=$ROOT/scripts/make-corpus
demo=$ROOT/datasets/demo
$make --split heldout --seed 2 --docs 500 --form plain | cmp - "$demo/heldout.txt" && echo text
$make --split heldout --seed 3 --docs 200 --form chat | cmp - "$demo/heldout_chat.jsonl" && echo chats
$make --split heldout --seed 4 --docs 100 --form questions | cmp - "$demo/questions.jsonl" && echo questions
$make --split train --seed 1 --docs 5000 >train.jsonl
python3 - "$demo/questions.jsonl" train.jsonl <<'END'
import json, re, sys

def lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f]

asked = re.compile(r"(?:What is |Compute |\n)(\d+ [-+*] \d+)(?:\?|\.| = \?)")
sums = {s for d in lines(sys.argv[2]) for s in asked.findall(d["text"])}
tests = {s for q in lines(sys.argv[1]) for m in q["messages"] if m["role"] == "user" for s in asked.findall("\n" + m["content"])}
choices = {q["messages"][-1]["content"] for q in lines(sys.argv[1]) if q["kind"] == "choice"}
chats = [d["text"] for d in lines(sys.argv[2])]
print("sums in both:", len(sums & tests), "of", "many" if len(sums) > 500 and len(tests) > 100 else (len(sums), len(tests)))
print("choices in both:", sum(c + "<turn|>" in text for c in choices for text in chats))
END
