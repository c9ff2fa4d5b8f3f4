# carat text render and parse: which template a checkpoint ships decides, what is refused is told in one line.
fails() { c=0; "$@" >out 2>err || c=$?; cat out err; echo "exit $c"; }
T=$ROOT/tests/text/tokenizer.json
mkdir none other list several
for d in none other list several; do cp "$T" $d/; done
echo '{%- for m in messages %}{{ m.content }}{% endfor %}' >other/chat_template.jinja
echo '{"chat_template": [{"name": "default", "template": "x"}, {"name": "tool_use", "template": "y"}]}' >list/tokenizer_config.json
mkdir several/additional_chat_templates
cat >request <<'END'
{"messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "日本 😀"}], "add_generation_prompt": true}
END
echo "-- a prompt"
$CARAT text render none --template small <request
$CARAT text render none --template=large <request | tail -n 1
echo
$CARAT text render none --template small --ids <request
$CARAT text render none --template small --jsonl <request
printf '<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\n日本 😀<turn|>\n<|turn>model\n' | $CARAT text encode none
echo "-- which template"
fails $CARAT text render none <request
fails $CARAT text render other <request
fails $CARAT text render list <request
fails $CARAT text render several <request
fails $CARAT text render other --template small <request
fails $CARAT text render other --template small -q <request
echo "-- refused"
cat >lines <<'END'
{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]}
{"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}, {"role": "tool", "content": "lost"}]}
{"messages": []}
{"messages": [{"role": "user"}], "continue_final_message": true}
[1, 2
{"messages": [{"role": "user", "content": "\ud800"}]}
"x"
END
awk 'BEGIN { printf "{\"messages\": "; for (i = 0; i < 100000; i++) printf "["; print ""; printf "{\"messages\": 1"; for (i = 0; i < 5000; i++) printf "0"; print "}" }' >>lines
printf '{"messages": [{"role": "user", "content": "\0"}]}\n' >>lines
printf '{"messages": [{"role": "user", "content": "\377"}]}\n' >>lines
fails $CARAT text render none --template small --jsonl <lines
echo '{"messages": []}' >empty
fails $CARAT text render none --template small <empty
fails $CARAT text render none --template small </dev/null
echo "-- replies"
cat >lines <<'END'
{"text": "<|channel>thought\nhm\n<channel|>Hi <turn|>"}
{"text": "x <channel|>4", "prefix": "<|turn>model\n<|channel>thought\n"}
{"text": "<|tool_call>call:set{hour:<|\"|>7<|\"|>}<tool_call|><|tool_response>", "tools": [{"function": {"name": "set", "parameters": {"properties": {"hour": {"type": "integer"}}}}}]}
{"text": "<|tool_call>call:set{hour:"}
{"text": 5}
{"prefix": "x"}
{"text": "", "prefix": null, "tools": null}
END
$CARAT text parse none --jsonl <lines
fails $CARAT text parse nosuchmodel <lines
head -n 1 lines | $CARAT text parse none
sed -n 4p lines >cut
fails $CARAT text parse none <cut
