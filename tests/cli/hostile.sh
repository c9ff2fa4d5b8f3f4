# Hostile inputs: each is refused with one line and the right exit code.
python3 "$ROOT/tests/cli/hostile" "$CARAT"
