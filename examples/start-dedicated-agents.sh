#!/bin/sh
# Starts the operator's own sessions, each with its last conversation: a drop-in for the old
# start-dedicated-agents.sh. Those that run already are left alone.
set -eu
exec claude-failover launch --all-dedicated
