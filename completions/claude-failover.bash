# claude-failover: completion for bash 4.4 and newer. The program itself says what fits.
_claude_failover() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() i word begun reply found breaks
    # Bash has split the line at `:` and `=` too: what no blank parts is one word again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ -z $rest || $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            words+=("")
        fi
        # Of the word at the cursor only what stands before it.
        ((i == COMP_CWORD)) && word=$rest
        words[-1]+=$word
        rest=${rest#"$word"}
    done
    begun=${words[-1]}
    found=$(command claude-failover completions bash --word $((${#words[@]} - 1)) -- "${words[@]}" 2>/dev/null)
    COMPREPLY=()
    # Readline replaces only what stands behind the last `:` or `=`.
    breaks=${COMP_WORDBREAKS//[^:=]/}
    [[ -n $breaks ]] && begun=${begun%"${begun##*["$breaks"]}"} || begun=
    while IFS= read -r reply; do
        reply=${reply%%$'\t'*}
        if [[ $reply == *'<files>' ]]; then
            compopt -o default
            COMPREPLY=()
            return
        fi
        [[ -n $reply ]] && COMPREPLY+=("${reply#"$begun"}")
    done <<<"$found"
}
complete -o nosort -F _claude_failover claude-failover
