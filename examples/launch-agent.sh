#!/bin/sh
# Starts an agent in a tmux session: a drop-in for the old launch-agent.sh.
#   launch-agent.sh SESSION PROJECT [PROMPT]
# SESSION is a name of the pool, PROJECT a name or a directory.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: launch-agent.sh SESSION PROJECT [PROMPT]" >&2
    exit 2
fi
session=$1 project=$2
shift 2
exec claude-failover launch "$session" --project "$project" ${1+--prompt "$1"}
