# carat.h is C++.
cxx=${CXX:-c++}
command -v "$cxx" >/dev/null || { echo "no C++ compiler ($cxx)"; exit 77; }
cat >use.cc <<'CC'
#include "carat.h"
int main()
{
    carat_err err = {CARAT_OK, ""};
    return carat_release ? (int)err.status : 1;
}
CC
"$cxx" -std=c++11 -pedantic -Wall -Wextra -Werror -Wno-address -I"$ROOT/runtime" -fsyntax-only use.cc
