# Commands, as a machine runs them.

# preamble: what stands before every command: the profiles, the values of ENV, the setup files.
preamble() {
  local file
  echo 'if [ -r /etc/profile ]; then . /etc/profile; fi'
  printf '%s\n' "$LAYER_ENV"
  # shellcheck disable=SC2016
  printf 'if [ -r ~/%s ]; then . ~/%s; fi\n' .profile .profile .bash_profile .bash_profile
  while IFS= read -r file; do
    if [ -z "$file" ]; then continue; fi
    quoted "$file"
    printf 'if [ ! -e %s ]; then printf "%%s\\n" %s >&2; exit 1; fi\n. %s\n' "$REPLY" "'layer: the setup file '$REPLY' is missing'" "$REPLY"
  done <<<"$LAYER_SETUP"
  if [ -n "${LAYER_BUILDS:-}" ]; then
    quoted "$LAYER_BUILDS"
    printf 'LAYER_BUILDS=%s\n' "$REPLY"
    declare -f docker
  fi
}

# docker …: what "docker" is in a RUN REPEATABLE: images are built by a builder whose cache lies below LAYER_BUILDS, one for each build.
docker() {
  local kept all=("$@") out=(--load)
  case "${1:-} ${2:-}" in
    'build '*) shift ;;
    'buildx build' | 'image build') shift 2 ;;
    *)
      command docker "$@"
      return
      ;;
  esac
  if ! command docker buildx inspect layer >/dev/null 2>&1 &&
    ! command docker buildx create --name layer --driver docker-container >/dev/null; then
    command docker "${all[@]}"
    return
  fi
  case " $* " in *' --push '* | *' --load '* | *' -o '* | *' --output'*) out=() ;; esac
  kept=${LAYER_BUILDS:-}/$(printf '%s\0' "$PWD" "$@" | sha256sum | cut -c1-16)
  command docker buildx build --builder layer "${out[@]}" --cache-from "type=local,src=$kept" --cache-to "type=local,dest=$kept.new,mode=max" "$@" || return
  # The old cache would grow by what no build uses any more.
  if [ -d "$kept.new" ]; then rm -rf -- "$kept" && mv -T -- "$kept.new" "$kept"; fi
}

# machine FILE: runs FILE as a RUN, in a session of its own, and passes signals on to all of it. Ends as it ends; what it leaves running stays.
machine() {
  local script child status
  script=$(mktemp "$books/script.XXXXXX")
  preamble >"$script"
  # A command that GitHub would read an expression in comes in the environment.
  if [ -n "${LAYER_COMMAND+set}" ]; then printf '%s\n' "$LAYER_COMMAND" >>"$script"; else cat -- "$1" >>"$script"; fi
  if [ -n "${2:-}" ]; then printf '%s\n' "$2" >>"$script"; fi
  make_directory "$LAYER_CWD"
  # shellcheck disable=SC2016
  (
    cd -- "$LAYER_CWD" || exit 1
    group=$(id -g -- "$LAYER_USER") || exit 1
    user=$(id -u -- "$LAYER_USER")
    given
    exec 9<"$script"
    rm -f -- "$script"
    exec setsid setpriv --reuid "$user" --regid "$group" --init-groups bash -c 'eval "exec 9<&-; $(cat <&9)"' bash
  ) </dev/null &
  child=$!
  echo "$child" >"$books/session-$LAYER_CALLER"
  trap 'stop_session "$child"' TERM INT HUP
  wait "$child"
  status=$?
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    status=$?
  done
  trap - TERM INT HUP
  rm -f -- "$books/session-$LAYER_CALLER"
  return "$status"
}

# stop_session LEADER: asks all processes of a session to end, and ends them two seconds later.
stop_session() {
  pkill -TERM -s "$1" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if ! pgrep -s "$1" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  pkill -KILL -s "$1" 2>/dev/null
}

# building DIRECTORY FILE: a RUN whose images are built with what DIRECTORY keeps
call_building() {
  mkdir -p -- "$2"
  chmod 1777 -- "$2"
  LAYER_BUILDS=$2
  machine "$3"
}

# background NAME FILE: FILE stays up. It has failed only where it ends with an error within two seconds.
call_background() {
  rm -f -- "$books/$2.exit"
  SECONDS=0
  machine "$3"
  status=$?
  echo "$status" >"$books/$2.exit"
  if [ "$SECONDS" -lt 2 ]; then exit "$status"; fi
}

# background-start NAME FILE: the same without the server's own background steps; what it prints is kept for background-stop
call_background_start() {
  cp -- "$3" "$books/$2.sh"
  LAYER_CALLER=$2 setsid bash "$0" background "$2" "$books/$2.sh" >"$books/$2.log" 2>&1 </dev/null &
}

# background-check NAME: fails where it has failed within two seconds
call_background_check() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if [ -f "$books/$2.exit" ]; then break; fi
    sleep 0.2
  done
  if [ -f "$books/$2.exit" ] && [ "$(cat "$books/$2.exit")" != 0 ]; then fail "it did not stay up: exit code $(cat "$books/$2.exit")"; fi
}

# background-stop NAME: prints what it printed, and ends it
call_background_stop() {
  if [ -f "$books/session-$2" ]; then stop_session "$(cat "$books/session-$2")"; fi
  if [ -f "$books/$2.log" ]; then cat -- "$books/$2.log"; fi
}

# stop CALLER: ends what the layer-sh of that process id runs
call_stop() {
  if [ -f "$books/session-$2" ]; then stop_session "$(cat "$books/session-$2")"; fi
}
