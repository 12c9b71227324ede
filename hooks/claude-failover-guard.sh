#!/bin/sh
# claude-failover-guard.sh: asks the guard whether a tool call of an agent may run.
#
# Called by Claude Code before each tool call, by the PreToolUse entry of .claude/settings.json or
# .claude/settings.local.json. Its contract:
#   stdin   the call, one JSON object; the guard reads it
#   exit 0  the call may run
#   exit 2  it may not, and stderr says why: the agent reads it
# No other status comes out: the client lets a call run on any other, and when a hook is missing or hangs.
# So whatever goes wrong here ends in 2. The guard answers within 2 s by itself; `timeout` is for one that cannot.
#
# Written by `claude-failover deploy-hook` and replaced where it differs: edits are lost, and `watch` takes them for
# tampering. `claude-failover deploy-hook --remove` takes it away.

guard=@GUARD@

@TIMEOUT@ -k 1 5 "$guard" guard --state-dir @STATE@@PROJECT@
status=$?

case $status in
0 | 2) exit "$status" ;;
124 | 137) what='did not answer in time' ;;
126 | 127) what='cannot be run' ;;
*) what="ended with status $status" ;;
esac
printf 'claude-failover: blocked, since the guard %s (%s); a person repairs it with: claude-failover deploy-hook\n' \
    "$what" "$guard" >&2
exit 2
