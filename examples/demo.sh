#!/bin/sh
# The main job, end to end, on a stand-in agent: three sessions, five tasks, two priorities, a
# dependency, and an account that runs out in the middle of it. Real tmux on a socket of its own; everything lies in one folder that is removed.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/target/debug/claude-failover agent=$PWD/target/debug/examples/stand-in-agent
dir=$(mktemp -d "${DEMO_DIR:-/var/tmp}/cf-demo.XXXXXX")
export HOME="$dir/home" CLAUDE_FAILOVER_CONFIG="$dir/config.yaml" CLAUDE_FAILOVER_STATE_DIR="$dir/state"
unset XDG_CONFIG_HOME XDG_STATE_HOME STATE_DIRECTORY TMUX TMUX_PANE || true
cleanup() {
    tmux -S "$dir/tmux.sock" kill-server 2>/dev/null || true
    # The clients end with their server; their last words go into the folder.
    i=0
    while [ $i -lt 20 ] && ls "$dir"/main/sessions/*.json "$dir"/spare/sessions/*.json >/dev/null 2>&1; do sleep 0.1; i=$((i + 1)); done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ claude-failover %s\n' "$*"; "$bin" "$@"; }

mkdir -p "$HOME" "$dir/shop/.agent-queue/inbox" "$dir/blog/.agent-queue/inbox"
cat >"$dir/config.yaml" <<Y
accounts:
- {name: main, home: $dir/main, priority: 1}
- {name: spare, home: $dir/spare, priority: 2}
projects:
- {path: $dir/shop, max_sessions: 2}
- {path: $dir/blog}
pool:
  autonomous: {prefix: agent-, start_index: 1, max: 3}
client: {program: $agent}
tmux: {socket: $dir/tmux.sock, config: /dev/null}
Y

say "two accounts: a home each, one tree of conversations; logins that are made up"
for account in main spare; do
    run account add $account | grep -v '^$' | head -4
    printf '{"claudeAiOauth":{"accessToken":"made-up","refreshToken":"made-up","expiresAt":%s000,"scopes":["user:inference"]}}' \
        "$(($(date +%s) + 28800))" >"$dir/$account/.credentials.json"
    chmod 600 "$dir/$account/.credentials.json"
done
run account list

say "five tasks: one critical, one that must wait for another"
run task add -p shop --id add-cart -m 'Add the cart. [[bash:echo cart > cart.txt]] [[sleep:2]] [[say:done]] [[done]]'
run task add -p shop --id checkout --depends-on add-cart -m 'Check out. [[bash:cat cart.txt > checkout.txt]] [[sleep:1]]'
run task add -p shop --id fix-prices --priority critical -m 'Prices are wrong! [[sleep:1]] [[edit:prices.txt:fixed]] [[done]]'
run task add -p blog --id post -m 'Write a post. [[edit:post.md:hello]] [[sleep:2]] [[crash]] [[edit:post.md:world]]'
run task add -p blog --id proofread --priority low -m 'Proofread it. [[bash:wc -l < post.md > lines.txt]]'

say "what would happen"
run dispatch --dry-run
say "it happens"
run dispatch
n=0
while [ "$(ls "$dir"/*/.agent-queue/done/*.md 2>/dev/null | wc -l)" -lt 5 ]; do
    n=$((n + 1))
    [ $n -lt 80 ] || { say "not done after 40 s"; run status; exit 1; }
    sleep 0.5
    if [ $n -eq 3 ]; then
        say "account main reaches its 5-hour limit, in the middle of the work"
        printf '{"limit":"five_hour","resets_at":%s}' "$(($(date +%s) + 7200))" >"$dir/main/stand-in.json"
    fi
    "$bin" watch | grep -v 'nothing to do' || true
    "$bin" dispatch | grep -v -e 'nothing to do' -e '^waits' -e '^dispatched 0' || true
    [ $((n % 4)) -ne 1 ] || { say "after $((n / 2)) s"; run status; }
done
say "all done"
run status
run task list --all
say "the switch, step by step"
run log switches last
run quota-check --explain
say "what became of the task whose client crashed half way"
run explain task post
cat "$dir/blog/.agent-queue/done/post.md"
[ "$(cat "$dir/blog/post.md")" = "hello
world" ] && [ "$(cat "$dir/shop/checkout.txt")" = cart ]
"$bin" --json status | grep -q '"active_account": "spare"'
say "demo: 5 tasks done by 3 sessions, one resumed after a crash, all of them moved to another account on the way; it is removed now"
