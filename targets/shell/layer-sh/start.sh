#!/usr/bin/env bash
# layer-sh: what a compiled Layerfile's steps run by. "layer-sh FILE" runs FILE as RUN does: bash without -e, as the
# Layerfile's user, in its working directory, with the profiles, the values of ENV and the setup files, and with nothing
# else of the job's environment. All other calls are the bookkeeping of one instruction each: "layer-sh skip-if …" is
# call_skip_if.
#
# What is in force travels in LAYER_… variables, from step to step in GITHUB_ENV, or in the file $LAYER_STATE:
# LAYER_ENV holds what ENV set, as lines of bash in which a secret's value is replaced by its name.
set -u

if [ -n "${LAYER_STATE:-}" ] && [ -f "$LAYER_STATE" ]; then
  # shellcheck source=/dev/null
  . "$LAYER_STATE"
fi
: "${LAYER_CWD:=/root}" "${LAYER_USER:=root}" "${LAYER_SETUP:=}" "${LAYER_ENV:=}" "${LAYER_SECRETS:=}" "${LAYER_SKIP:=false}"
: "${LAYER_REPO:=${GITHUB_WORKSPACE:-}/__layer}" "${LAYER_CALLER:=$$}"

books=/run/layer
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
always='CI IS_CI_MACHINE CI_MACHINE IN_CI_MACHINE IN_CI WEBAPPIO LAYERCI DEBIAN_FRONTEND GIT_COMMIT GIT_SHORT_COMMIT GIT_BRANCH
  GIT_TAG GIT_COMMIT_TITLE GIT_CLONE_URL SUBDOMAIN REPOSITORY_NAME REPOSITORY_OWNER ORGANIZATION_NAME JOB_ID LAYERCI_JOB_ID
  RUNNER_ID RETRY_INDEX EXPOSE_WEBSITE_HOST'
sometimes='PULL_REQUEST_URL API_EXTRA DEPLOYMENT_HOST SPLIT SPLIT_NUM'

# Everything is done as root. A runner that is not root may not signal what sudo starts, so it asks for it by number.
if [ "$(id -u)" != 0 ]; then
  LAYER_CALLER=$$ sudo -E env "PATH=$PATH" bash "$0" "$@" &
  child=$!
  trap 'sudo bash "$0" stop "$$"' TERM INT HUP
  wait "$child"
  status=$?
  while kill -0 "$child" 2>/dev/null || sudo kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  exit "$status"
fi

mkdir -p "$books"

fail() {
  printf 'layer: %s\n' "$*" >&2
  exit 1
}

# persist NAME VALUE: for the steps that follow, and for the job behind a BUTTON.
persist() {
  local mark
  printf '%s=%q\n' "$1" "$2" >>"$books/state"
  if [ -n "${GITHUB_ENV:-}" ]; then
    mark="layer-$(cat /proc/sys/kernel/random/uuid)"
    printf '%s<<%s\n%s\n%s\n' "$1" "$mark" "$2" "$mark" >>"$GITHUB_ENV"
  fi
  if [ -n "${LAYER_STATE:-}" ]; then printf 'export %s=%q\n' "$1" "$2" >>"$LAYER_STATE"; fi
}

home_of() { getent passwd "$1" | cut -d: -f6; }
