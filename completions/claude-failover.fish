# claude-failover: completion for fish. The program itself says what fits.
function __claude_failover
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l begun (commandline --current-token --cut-at-cursor)
    set -l found (command claude-failover completions fish --word (count $words) -- $words "$begun" 2>/dev/null)
    if string match --quiet -- '*<files>' $found
        set -l option (string match --regex -- '^-[^=]*=' "$begun")
        for path in (__fish_complete_path (string replace --regex -- '^-[^=]*=' '' "$begun"))
            echo -- "$option$path"
        end
        return
    end
    printf '%s\n' $found
end
complete --keep-order --no-files --command claude-failover --arguments '(__claude_failover)'
