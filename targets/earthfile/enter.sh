#!/bin/bash
# sh: how the steps of a compiled Earthfile call layer-sh: in the state that the steps before have left, with what the
# Earthfile's ENV set (LAYER_NAMES) and with this run's variables (LAYER_RUN: a secret, so that it counts for no step's cache).
set -u

shell=/layer/layer-sh
state=/layer/state
change=/layer/change.$$
stage=/layer/repo

if [ -f "$state" ]; then
  # shellcheck source=/dev/null
  . "$state"
fi
eval "${LAYER_RUN:-}"
for name in ${LAYER_NAMES:-}; do
  printf -v line 'export %s=%q' "$name" "${!name-}"
  LAYER_ENV=${LAYER_ENV:-}${LAYER_ENV:+$'\n'}$line
done
if [ -n "${LAYER_RUNNERS:-}" ]; then
  read -r -a runners <<<"$LAYER_RUNNERS"
  RUNNER_ID=${runners[${SPLIT:-${LAYER_COPY:-0}}]:-}
fi
export LAYER_ENV=${LAYER_ENV:-} LAYER_STATE=$change LAYER_REPO=$stage RUNNER_ID=${RUNNER_ID:-}

# keep: what a step changed is in force for those after it.
keep() {
  if [ -f "$change" ]; then
    cat "$change" >>"$state"
    rm -f "$change"
  fi
}

case "${1:-}" in
  prepare) # prepare PACKAGE…: makes a base machine of an image
    shift
    missing=()
    for one in "$@"; do if ! dpkg-query -W -f='${Status}' "$one" 2>/dev/null | grep -q 'ok installed'; then missing+=("$one"); fi; done
    echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90layer
    if [ ${#missing[@]} -gt 0 ]; then
      export DEBIAN_FRONTEND=noninteractive
      apt-get update && apt-get install -y --no-install-recommends "${missing[@]}" || exit
      rm -rf /var/lib/apt/lists/*
    fi
    chmod 770 /root
    chmod 755 /layer /layer/sh "$shell"
    ;;
  run) # run COMMAND: as RUN does
    bash "$shell" <(printf '%s\n' "$2")
    ;;
  assign) # assign NAME… TEXT: as ENV does; TEXT assigns the names
    shift
    text=${!#}
    bash "$shell" env "${@:1:$#-1}" <(printf '%s\n' "$text")
    ;;
  start) # start NAME COMMAND: as RUN BACKGROUND does, within one step
    printf '%s\n' "$3" >"/layer/$2"
    bash "$shell" background-start "$2" "/layer/$2" && bash "$shell" background-check "$2"
    ;;
  holds) # holds NAME OPERATOR VALUE …: ends with 0 where all hold
    shift
    bash "$shell" skip-if "$@" >/dev/null || exit
    grep -q '^export LAYER_SKIP=true$' "$change" 2>/dev/null
    exit
    ;;
  copy) # copy TREE FROM DESTINATION [-g] SOURCE…: what COPY has put below /layer/repo
    shift
    chmod -R u=rwX,g=u,o=rX -- "$stage"
    bash "$shell" copy "$@"
    ;;
  *) bash "$shell" "$@" ;;
esac
status=$?
keep
exit "$status"
