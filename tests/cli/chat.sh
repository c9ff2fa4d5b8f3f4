# carat chat on a terminal of its own: streaming, interrupt, history, unicode, paste, resize, commands; then from a pipe.
cat >talk.py <<'PY'
import json, os, re, sys
sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests", "support"))
from terminal import Terminal
carat, model = os.environ["CARAT"], os.path.join(os.environ["ROOT"], "datasets/demo/model")
state = os.path.join(os.getcwd(), "state")
PROMPT = r"\n> $"

def ok(what):
    print("ok", what)

t = Terminal([carat, "chat", model, "--color", "always"], XDG_STATE_HOME=state)
t.wait(r"/help lists commands.*\n> $")
t.type("What is 47 + 38?\n")
shown = t.wait(r"So 47 \+ 38 = 85\.\n> $")
ok("answers")
t.type("What is 12 + 3?\n")
t.wait(r"12 \+ 3 = 15\.\n> $")
t.type("/stats\n")
stats = t.wait(r"positions\n> $")
total, computed, reused = map(int, re.search(r"(\d+) tokens: (\d+) computed, (\d+) reused", stats).groups())
assert total == computed + reused and computed < 30 and reused > 70, stats
ok("a turn computes its own tokens only")
t.type("\x1b[A\x1b[A\x1b[A")
t.wait("47 \\+ 38")
t.type("\x15What is 1 + 1?\n")
t.wait(r"1 \+ 1 = 2\.\n> $")
ok("history, kill line")
t.type("abc\x03")
t.wait("Ctrl-D or /quit ends\n> $")
ok("Ctrl-C at the prompt clears the line")
odd = "na\u00efve \u65e5\u672c\u8a9e e\u0301 \U0001f469\u200d\U0001f680 \U0001f1e9\U0001f1ea"
t.type("/system " + odd + "x\x7f\n")
t.wait("the system turn is set\n> $")
t.type("/save talk.json\n")
t.wait(r"wrote talk.json: 7 messages\n> $")
saved = json.load(open("talk.json", encoding="utf-8"))
assert saved["messages"][0] == {"role": "system", "content": odd}, saved["messages"][0]
assert [m["role"] for m in saved["messages"]] == ["system"] + ["user", "assistant"] * 3
ok("unicode survives typing, a backspace and saving")
t.type("\x1b[200~two\rlines \u00e9\x1b[201~")
t.wait("lines \u00e9")
t.type("\n")
t.wait(PROMPT)
t.type('"""\nthree\nlines"""\n')
t.wait(PROMPT + r"|\. $")
t.type("/save talk.json\n")
t.wait(r"wrote talk.json: 11 messages\n> $")
users = [m["content"] for m in json.load(open("talk.json", encoding="utf-8"))["messages"] if m["role"] == "user"]
assert users[-2:] == ["two\nlines \u00e9", "\nthree\nlines"], users
ok("pasted and quoted lines are one message")
t.resize(10, 40)
t.type("What is 2 + 2?")
t.resize(30, 100)
t.type("\n")
t.wait(r"2 \+ 2 = 4\.\n> $")
ok("resized while typing")
t.type("/regen\n")
t.wait(r"2 \+ 2 = 4\.\n> $")
t.type("/undo\n")
t.wait("11 messages are left\n> $")
t.type("/thnik on\n")
t.wait("did you mean /think\\?\n> $")
t.type("/reset\n")
t.wait("a new conversation\n> $")
t.type("/load talk.json\n")
t.wait("read talk.json: 11 messages\n> $")
t.type("/load nothing.json\n")
t.wait("nothing.json.*\n> $")
t.type("/help\n")
t.wait("Ctrl-D.*\n> $")
ok("commands")
# A prompt that ends inside a thought (behind a tool's answer): the reply is one, and dim.
call = {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]}
json.dump({"messages": [{"role": "user", "content": "What is 1 + 1?"}, call, {"role": "tool", "name": "f", "content": "2"}], "enable_thinking": True},
          open("tool.json", "w"))
t.type("/load tool.json\n")
t.wait("read tool.json: 3 messages\n> $")
from_here = len(t.seen)
t.type("/regen\n")
t.wait(r"/regen\n[^\n]*\S.*\n> $")
assert re.search(rb"\x1b\[2m.*\x1b\[0m", t.seen[from_here:], re.S), t.seen[from_here:]
ok("a thought is dim")
t.type("\x04")
assert t.end() == 0
ok("Ctrl-D ends")
assert os.stat(os.path.join(state, "carat", "history")).st_mode & 0o777 == 0o600

t = Terminal([carat, "chat", model, "--color", "never", "-c", "64"], XDG_STATE_HOME=state)
t.wait(r"\n> $")
t.type("\x1b[A")
t.wait("/regen")
t.type("\x15What is 47 + 38?\n")
t.wait(r"the context of 64 positions is full.*\n> $")
t.type("What is 1 + 1?\n")
t.wait(r"context is full: this turn needs \d+ positions of 64; /undo .* /reset .* -c makes more room\n> $")
ok("history of the last time; a full context is told")
t.type("/quit\n")
assert t.end() == 0
PY
python3 talk.py
# A reply that is cut short by Ctrl-C: the program goes on. The model may write nothing that ends a reply, so the key comes in time.
cat >stop.py <<'PY'
import json, os, shutil, sys
sys.path.insert(0, os.path.join(os.environ["ROOT"], "tests", "support"))
from terminal import Terminal
shutil.copytree(os.path.join(os.environ["ROOT"], "datasets/demo/model"), "endless")
for name, key, value in (("config", "max_position_embeddings", 1 << 18), ("generation_config", "suppress_tokens", None)):
    with open(f"endless/{name}.json", encoding="utf-8") as f:
        config = json.load(f)
    config.get("text_config", config)[key] = value or config["eos_token_id"]
    with open(f"endless/{name}.json", "w", encoding="utf-8") as f:
        json.dump(config, f)
t = Terminal([os.environ["CARAT"], "chat", "endless", "--temperature", "3", "-c", "200000"], XDG_STATE_HOME=os.getcwd())
t.wait("\n> $")
for i in range(3):
    t.type(f"Talk {i}\n")
    t.wait("\n[^>\n]")
    t.type("\x03")
    t.wait("stopped; .*\n> $")
t.type("/reset\n")
t.wait("a new conversation\n> $")
t.type("\x04")
assert t.end() == 0
print("ok stopped three times, and ended well")
PY
python3 stop.py
printf 'What is 47 + 38?\nWhat is 12 + 3?\n' | $CARAT chat "$ROOT/datasets/demo/model"
printf '/nonsense\n' | $CARAT chat "$ROOT/datasets/demo/model" 2>&1
