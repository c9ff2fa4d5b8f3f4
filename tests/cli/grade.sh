# carat grade: verdicts by the official rules; what cannot be graded is a line of its own and exit 5. The expected letters and scores are CPython's.
fails() { c=0; "$@" >out 2>err || c=$?; cat out err; echo "exit $c"; }
cat >replies <<'END'
{"id": "a", "output": "So the answer is (C)."}
{"id": "b", "output": "Answer is (A)", "candidate": 3}
{"id": "c", "output": "no\nAnswer: B or Answer:\n\u2003D\nanswer: E"}
{"id": "d", "output": "the answer is **B**"}
{"id": "e", "output": "答案A A\u0301 E\u00ad B½ x", "answer": "E"}
{"id": "f", "output": "none", "answer": "A"}
{"id": "g", "output": "answer is A. No: answer is (B)", "answer": "B"}
{"id": "h", "output": "\u0000A\u0000", "answer": "A"}
END
fails $CARAT grade mmlu-pro --replies replies
fails $CARAT grade mmlu-pro --replies replies --variant last --summary
fails $CARAT grade mmlu-pro --replies replies --variant lm-eval --summary
fails $CARAT grade mmlu-pro --replies replies --variant api --summary
echo "-- mrcr"
cat >replies <<'END'
{"id": 1, "response": "K7abcd", "answer": "K7bcde", "random_string_to_prepend": "K7"}
{"id": 2, "response": " K7abcd", "answer": "K7bcde", "random_string_to_prepend": "K7"}
END
fails $CARAT grade mrcr --replies - <replies
fails $CARAT grade mrcr --replies replies --variant openai-lstrip --summary
echo '{"response": "He said abcdefghijkl the same words", "answer": " abcdefghijkl the same word "}' | $CARAT grade mrcr --replies - --variant v2
echo "-- not measured"
printf '{"output": 3}\nnot json\n[1]\n\n{"output": "answer is A"}' >bad
fails $CARAT grade mmlu-pro --replies bad
fails $CARAT grade mrcr --replies bad --summary
echo "-- a NUL spoils its own line alone"
printf '{"id": 1, "output": "answer is A"}\n\0nul\n{"id": 3, "output": "answer is (B)"}\n' >nul
fails $CARAT grade mmlu-pro --replies nul
echo "-- refused"
fails $CARAT grade mmlu --replies bad
fails $CARAT grade mmlu-pro
fails $CARAT grade mmlu-pro --replies nosuchfile
fails $CARAT grade mrcr --replies bad --variant best
