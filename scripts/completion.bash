# bash completion for carat: verbs and options, asked of the program itself.        SPDX-License-Identifier: Apache-2.0
_carat() {
    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$("$1" --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')" -- "$word"))
    elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$("$1" "$verb" --help 2>/dev/null | grep -oE -e '--[a-z][a-z0-9-]*')" -- "$word"))
    elif [ "$COMP_CWORD" -eq 2 ]; then # the actions of a verb that has some: "usage: carat text encode|decode ..."
        COMPREPLY=($(compgen -W "$("$1" "$verb" --help 2>/dev/null | awk 'NR == 1 && $4 ~ /^[a-z|]+$/ { gsub(/\|/, " ", $4); print $4 }')" -- "$word"))
    fi
}
complete -o default -F _carat carat
