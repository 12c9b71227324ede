#compdef claude-failover
# claude-failover: completion for zsh. The program itself says what fits.
_claude-failover() {
    local -a found lines
    local line value
    lines=("${(@f)$(command claude-failover completions zsh --word $((CURRENT - 1)) -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in $lines; do
        value=${line%%$'\t'*}
        if [[ $value == *'<files>' ]]; then
            [[ $PREFIX == -*=* ]] && compset -P '*='
            _files
            return
        fi
        value=${value//:/\\:}
        [[ $line == *$'\t'* ]] && value+=:${line#*$'\t'}
        found+=($value)
    done
    (($#found)) && _describe -V claude-failover found
}
# Either found by compinit, which runs this file as the function, or sourced.
if [[ $funcstack[1] == _claude-failover ]]; then
    _claude-failover "$@"
else
    compdef _claude-failover claude-failover
fi
