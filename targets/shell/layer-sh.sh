#!/usr/bin/env bash
# layer-sh: what a compiled Layerfile's steps run by. "layer-sh FILE" runs FILE as RUN does: bash without -e, as the
# Layerfile's user, in its working directory, with the profiles, the values of ENV and the setup files, and with nothing
# else of the job's environment. All other calls are the bookkeeping of one instruction each; see the end of this file.
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

# given: leaves in the environment only what the processes of a machine get. For a subshell.
given() {
  local one keep=" $always $LAYER_SECRETS "
  for one in $sometimes; do if [ -n "${!one:-}" ]; then keep+="$one "; fi; done
  if [ "${LAYER_AWS:-}" = true ]; then keep+='AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN '; fi
  keep=${keep//[[:space:]]/ }
  for one in $(compgen -e); do case "$keep" in *" $one "*) ;; *) export -n "${one?}" ;; esac; done
  for one in $always; do export "$one=${!one-}"; done
  HOME=$(home_of "$LAYER_USER")
  export PATH=$path HOME "USER=$LAYER_USER" "LOGNAME=$LAYER_USER" SHELL=/bin/bash
}

# value NAME: sets REPLY to what NAME is in force, nothing where it is not set.
value() {
  # shellcheck disable=SC2016
  REPLY=$(
    given
    exec bash -c 'eval "$0"; printf "%s." "${!1-}"' "$LAYER_ENV" "$1"
  )
  REPLY=${REPLY%.}
}

# expand TEXT [glob]: sets REPLY to TEXT with ${NAME} replaced and \x as x. In a glob, what a variable holds matches itself.
expand() {
  local text=$1 out='' name
  while [ -n "$text" ]; do
    # shellcheck disable=SC2016
    case "$text" in
      '\'?*)
        out+=${text:1:1}
        text=${text:2}
        ;;
      '${'*)
        name=${text#'${'}
        name=${name%%'}'*}
        text=${text#*'}'}
        value "$name"
        if [ "${2:-}" = glob ]; then REPLY=$(printf '%s.' "$REPLY" | sed 's/[][\\*?]/\\&/g') && REPLY=${REPLY%.}; fi
        out+=$REPLY
        ;;
      *)
        out+=${text:0:1}
        text=${text:1}
        ;;
    esac
  done
  REPLY=$out
}

# guest TEXT: sets REPLY to the absolute, normalised path of the machine that TEXT names.
guest() {
  expand "$1"
  # shellcheck disable=SC2088
  case "$REPLY" in
    '~' | '~/'*) REPLY=$(home_of "$LAYER_USER")${REPLY#'~'} ;;
    /*) ;;
    *) REPLY=$LAYER_CWD/$REPLY ;;
  esac
  REPLY=$(realpath -ms -- "$REPLY" && printf .) && REPLY=${REPLY%$'\n'.}
}

make_directory() { (umask 002 && mkdir -p -- "$1"); }

# sealed TEXT: sets REPLY to TEXT as a word of bash, in which a secret's value is replaced by its name.
sealed() {
  local one secret rest out
  for one in $LAYER_SECRETS; do
    secret=${!one-}
    if [ -z "$secret" ] || [[ $1 != *"$secret"* ]]; then continue; fi
    rest=${1#*"$secret"}
    sealed "${1%%"$secret"*}"
    out="$REPLY\"\${$one-}\""
    sealed "$rest"
    REPLY=$out$REPLY
    return
  done
  printf -v REPLY %q "$1"
}

quoted() { REPLY="'${1//\'/\'\\\'\'}'"; }

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

# inside TEXT FROM [glob]: sets REPLY to the path from the tree's root that a source names.
inside() {
  expand "$1" "${3:-}"
  case "$REPLY" in /*) ;; *) REPLY=/$2/$REPLY ;; esac
  local depth=0 name names
  IFS=/ read -r -d '' -a names <<<"$REPLY/"
  for name in "${names[@]}"; do
    case "$name" in
      '' | . | $'\n') ;;
      ..) if [ $((depth -= 1)) -lt 0 ]; then fail "$1 leads out of the repository"; fi ;;
      *) depth=$((depth + 1)) ;;
    esac
  done
  REPLY=$(realpath -ms -- "$REPLY" && printf .) && REPLY=${REPLY%$'\n'.} REPLY=${REPLY#/}
}

# put TREE PATH TARGET: TARGET becomes what TREE holds at PATH; a directory's content is merged into one that is there.
put() {
  local from=$1${2:+/$2} leave=(! -name .git)
  if [ -z "$2" ]; then leave+=(! -name .layer); fi
  make_directory "$(dirname -- "$3")"
  if [ -d "$from" ] && [ ! -L "$from" ]; then
    make_directory "$3"
    find "$from" -mindepth 1 -maxdepth 1 "${leave[@]}" -printf '%P\0' |
      tar -C "$from" --exclude=.git --owner=0 --group=0 --null -cf - -T - | tar -C "$3" --same-owner -xpf -
  else
    cp -a --no-preserve=ownership --remove-destination -T -- "$from" "$3"
  fi || fail "$2 could not be copied to $3"
}

# place TREE FROM DESTINATION [-g] SOURCE…: COPY. Sources are relative to FROM in TREE, or absolute from its root; -g: the next is a glob.
place() {
  local tree=$1 from=$2 destination=$3 source glob several=false target
  local directory
  local -a paths found
  shift 3
  paths=()
  if [ $# -gt 1 ]; then several=true; fi
  expand "$destination"
  case "$REPLY" in */ | . | .. | */. | */.. | '~' | '') directory=true ;; *) directory=$several ;; esac
  guest "$destination"
  target=$REPLY
  while [ $# -gt 0 ]; do
    glob=
    if [ "$1" = -g ]; then
      glob=glob
      shift
    fi
    source=$1
    shift
    inside "$source" "$from" $glob
    if [ -n "$glob" ]; then
      mapfile -d '' -t found < <(matches "$tree" "$REPLY")
      if [ ${#found[@]} = 0 ]; then fail "$source matches nothing"; fi
      paths+=("${found[@]}")
    else
      if [ -n "$REPLY" ] && [ ! -e "$tree/$REPLY" ] && [ ! -L "$tree/$REPLY" ]; then fail "$source does not exist"; fi
      paths+=("$REPLY")
    fi
  done
  if [ "$directory" = true ] && [ -e "$target" ] && [ ! -d "$target" ]; then fail "$target is not a directory in the machine"; fi
  if [ "$several" = false ] && [ -d "$tree/${paths[0]}" ] && [ ! -L "$tree/${paths[0]}" ]; then
    put "$tree" "${paths[0]}" "$target"
    return
  fi
  for source in "${paths[@]}"; do
    if [ "$directory" = true ] || [ -d "$target" ]; then
      put "$tree" "$source" "$target/${source##*/}"
    else put "$tree" "$source" "$target"; fi
  done
}

# matches TREE PATTERN: the paths that match, each ended by NUL; of .git and .layer only what the pattern spells out.
matches() (
  cd -- "$1" || exit
  shopt -s globstar nullglob dotglob
  LC_ALL=C.UTF-8
  IFS=
  # shellcheck disable=SC2086,SC2206
  found=($2)
  for one in "${found[@]}"; do
    if [ ! -e "$one" ] && [ ! -L "$one" ]; then continue; fi
    case "/$one" in */) continue ;; esac
    case "/$one/" in */.git/*) case "/$2/" in */.git/*) ;; *) continue ;; esac ;; esac
    case "$one/" in .layer/*) case "$2/" in .layer/*) ;; *) continue ;; esac ;; esac
    printf '%s\0' "$one"
  done
)

# as_copied TREE: as COPY gives files: the group has the owner's rights, nobody else may write, and whether a file is a program is all that is left of modes.
as_copied() { chmod 775 -- "$1" && find "$1" -mindepth 1 -maxdepth 1 ! -name .git -exec chmod -R u=rwX,g=u,o=rX -- {} +; }

# mask_base64 SECRET: hides its base64 too, as far as what follows it cannot change that.
mask_base64() {
  local LC_ALL=C
  if [ ${#1} -ge 6 ]; then printf '::add-mask::%s\n' "$(printf %s "$1" | base64 -w 0 | cut -c "1-$((${#1} * 8 / 6))")"; fi
}

# take_state: what was in force in the job before is in force here.
take_state() {
  local one
  # shellcheck source=/dev/null
  . /var/lib/layer/state
  for one in LAYER_CWD LAYER_USER LAYER_SETUP LAYER_ENV LAYER_SECRETS LAYER_SKIP LAYER_AWS SPLIT SPLIT_NUM; do persist "$one" "${!one-}"; done
}

git_in() {
  local tree=$1
  shift
  git -c safe.directory='*' -c log.showSignature=false -C "$tree" "$@"
}

# show_website SCHEME: what expose found is shown under the port that all websites of the job share.
proxied=7080
show_website() {
  if cut -f 3 -- "$books/routes" 2>/dev/null | grep -qxF -- "$at"; then fail "EXPOSE: another website is shown at $at"; fi
  printf '%s\t%s\t%s\t%s\n' "$1" "$port" "$at" "$rewrite" >>"$books/routes"
  if [ -f "$books/proxy" ]; then return; fi
  setsid python3 /usr/local/bin/layer-proxy "$proxied" "$books/routes" >"$books/proxy" 2>&1 </dev/null &
  until (exec 3<>"/dev/tcp/localhost/$proxied") 2>/dev/null; do
    if [ "$SECONDS" -ge 120 ] || ! kill -0 "$!" 2>/dev/null; then fail "EXPOSE: port $proxied is taken, which all websites are shown under: $(tail -n 1 "$books/proxy")"; fi
    sleep 0.1
  done
}

case "${1:-}" in
  begin) # the machine before the first instruction: the variables that only git knows, the repository as COPY takes it
    install -m 755 -- "$0" /usr/local/bin/layer-sh
    proxy=$(dirname -- "$0")/layer-proxy
    if [ -f "$proxy" ]; then install -m 755 -- "$proxy" /usr/local/bin/layer-proxy; fi
    persist GIT_SHORT_COMMIT "${GIT_COMMIT:0:12}"
    persist GIT_TAG "$(git_in "$LAYER_REPO" describe --always "$GIT_COMMIT" 2>/dev/null)"
    persist GIT_COMMIT_TITLE "$(git_in "$LAYER_REPO" log -1 --no-color --format=%s "$GIT_COMMIT" -- 2>/dev/null)"
    subdomain=$(printf %s "${GIT_BRANCH##*/}" | LC_ALL=C.UTF-8 sed 's/.*/\L&/; s/[^a-z0-9-]/-/g; s/^-*//' | cut -c1-63 | sed 's/-*$//')
    persist SUBDOMAIN "$subdomain"
    if [ -f "$LAYER_REPO/.layerignore" ]; then
      git_in "$LAYER_REPO" ls-files -z -c -i -X .layerignore | (cd -- "$LAYER_REPO" && xargs -0 -r rm -f --)
      find "$LAYER_REPO" -mindepth 1 -name .git -prune -o -type d -print0 | sort -rz | xargs -0 -r rmdir --ignore-fail-on-non-empty --
    fi
    as_copied "$LAYER_REPO"
    if [ -d /etc/apt/apt.conf.d ]; then echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/90layer; fi
    chmod 770 /root
    ;;
  vendor) # vendor OWNER NAME COMMIT: the repository of a FROM github/…, where it is not committed here
    tree=$LAYER_REPO/.layer/vendor/$2/$3/$4
    if [ ! -d "$tree" ]; then
      mkdir -p -- "$tree"
      { git_in "$tree" init -q && git_in "$tree" fetch -q --depth 1 "https://github.com/$2/$3.git" "$4" && git_in "$tree" checkout -q FETCH_HEAD; } ||
        fail "FROM github/$2/$3: commit $4 could not be fetched"
    fi
    as_copied "$tree"
    ;;
  workdir)
    guest "$2"
    make_directory "$REPLY"
    persist LAYER_CWD "$REPLY"
    ;;
  user)
    expand "$2"
    user=$REPLY
    id -u -- "$user" >/dev/null 2>&1 || useradd -m -U -s /bin/bash -- "$user" || exit
    usermod -a -G root -- "$user" || exit
    persist LAYER_USER "$user"
    ;;
  setup-file) # setup-file PATH…
    shift
    for one in "$@"; do
      guest "$one"
      LAYER_SETUP+=${LAYER_SETUP:+$'\n'}$REPLY
    done
    persist LAYER_SETUP "$LAYER_SETUP"
    ;;
  env) # env NAME… FILE: FILE assigns the names; what they are then is kept
    names=("${@:2:$#-2}")
    values=$(mktemp "$books/values.XXXXXX")
    print="printf '%s\\0'"
    for one in "${names[@]}"; do print+=" \"\${$one-}\""; done
    exec 8>"$values"
    machine "${!#}" "$print >&8" || fail "ENV: the values could not be computed"
    exec 8>&-
    mapfile -d '' -t computed <"$values"
    rm -f -- "$values"
    if [ ${#computed[@]} != ${#names[@]} ]; then fail 'ENV: the values could not be computed'; fi
    for index in "${!names[@]}"; do
      sealed "${computed[index]}"
      LAYER_ENV+=${LAYER_ENV:+$'\n'}"export ${names[index]}=$REPLY"
    done
    persist LAYER_ENV "$LAYER_ENV"
    ;;
  secret) # secret NAME…: each has a value, and is in force from here on
    shift
    for one in "$@"; do
      if [ -z "${!one:-}" ]; then fail "the secret $one has no value here: add it under Settings, Secrets and variables, Actions (pull requests from forks get none)"; fi
      mask_base64 "${!one}"
      case " $LAYER_SECRETS " in *" $one "*) ;; *) LAYER_SECRETS+=${LAYER_SECRETS:+ }$one ;; esac
    done
    persist LAYER_SECRETS "$LAYER_SECRETS"
    ;;
  aws) persist LAYER_AWS true ;;
  split) # split COUNT [COPY]: COPY is left out where the copies must not know their number
    persist SPLIT_NUM "$2"
    if [ -n "${3:-}" ]; then persist SPLIT "$3"; fi
    ;;
  copy) # copy TREE FROM DESTINATION [-g] SOURCE…
    expand "$2"
    tree=$LAYER_REPO${REPLY:+/$REPLY}
    expand "$3"
    place "$tree" "$REPLY" "${@:4}"
    ;;
  clone) # clone URL DEFAULT DESTINATION [[-g] SOURCE…]
    expand "$2"
    url=$REPLY
    expand "$3"
    default=$REPLY
    destination=$4
    shift 4
    export GIT_TERMINAL_PROMPT=0
    case "$url" in
      https://github.com/*)
        if [ -n "${LAYER_CLONE_TOKEN:-}" ]; then
          GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.https://github.com/.extraheader
          GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$LAYER_CLONE_TOKEN" | base64 -w 0)"
          export GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
        fi
        ;;
    esac
    tree=$(mktemp -d "$books/clone.XXXXXX")
    branch=
    for one in "${GIT_BRANCH:-}" "$default"; do
      if [ -n "$one" ] && git ls-remote --exit-code --heads -- "$url" "refs/heads/$one" >/dev/null 2>&1; then
        branch=$one
        break
      fi
    done
    git -c advice.detachedHead=false clone --quiet --depth 1 ${branch:+--branch "$branch"} -- "$url" "$tree" || fail "CLONE: $url could not be cloned"
    as_copied "$tree"
    if [ $# = 0 ]; then set -- /; fi
    place "$tree" '' "$destination" "$@"
    rm -rf -- "$tree"
    ;;
  skip-if) # skip-if NAME OPERATOR VALUE …: LAYER_SKIP where all hold
    shift
    while [ $# -gt 0 ]; do
      value "$1"
      case "$2" in
        =) [ "$REPLY" = "$3" ] ;;
        !=) [ "$REPLY" != "$3" ] ;;
        # ^ and $ are the ends of the whole value, not of its lines.
        =~) printf '%s\0' "$REPLY" | LC_ALL=C.UTF-8 grep -zqP -- "(?-m)$3" ;;
        !=~) ! printf '%s\0' "$REPLY" | LC_ALL=C.UTF-8 grep -zqP -- "(?-m)$3" ;;
      esac || exit 0
      shift 3
    done
    echo 'the rest of this Layerfile is skipped'
    persist LAYER_SKIP true
    ;;
  unskip) persist LAYER_SKIP false ;;
  skipped) if [ "$LAYER_SKIP" = true ]; then echo 'skip=true' >>"$GITHUB_OUTPUT"; fi ;;
  building) # building DIRECTORY FILE: a RUN whose images are built with what DIRECTORY keeps
    mkdir -p -- "$2"
    chmod 1777 -- "$2"
    LAYER_BUILDS=$2
    machine "$3"
    ;;
  background) # background NAME FILE: FILE stays up. It has failed only where it ends with an error within two seconds.
    rm -f -- "$books/$2.exit"
    SECONDS=0
    machine "$3"
    status=$?
    echo "$status" >"$books/$2.exit"
    if [ "$SECONDS" -lt 2 ]; then exit "$status"; fi
    ;;
  background-start) # background-start NAME FILE: the same without the server's own background steps; what it prints is kept for background-stop
    cp -- "$3" "$books/$2.sh"
    LAYER_CALLER=$2 setsid bash "$0" background "$2" "$books/$2.sh" >"$books/$2.log" 2>&1 </dev/null &
    ;;
  background-check) # background-check NAME: fails where it has failed within two seconds
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      if [ -f "$books/$2.exit" ]; then break; fi
      sleep 0.2
    done
    if [ -f "$books/$2.exit" ] && [ "$(cat "$books/$2.exit")" != 0 ]; then fail "it did not stay up: exit code $(cat "$books/$2.exit")"; fi
    ;;
  background-stop) # background-stop NAME: prints what it printed, and ends it
    if [ -f "$books/session-$2" ]; then stop_session "$(cat "$books/session-$2")"; fi
    if [ -f "$books/$2.log" ]; then cat -- "$books/$2.log"; fi
    ;;
  stop) # stop CALLER: ends what the layer-sh of that process id runs
    if [ -f "$books/session-$2" ]; then stop_session "$(cat "$books/session-$2")"; fi
    ;;
  expose) # expose website|tcp SCHEME PORT [PATH [REWRITE]]: something answers there within two minutes
    expand "$4"
    port=$REPLY
    case "$port" in '' | *[!0-9]*) fail "EXPOSE: a port is a number from 1 to 65535, and this is \"$port\"" ;; esac
    expand "${5:-}"
    at=$REPLY
    expand "${6:-}"
    rewrite=$REPLY
    SECONDS=0
    until
      if [ "$2" = tcp ]; then
        (exec 3<>"/dev/tcp/localhost/$port") 2>/dev/null
      else curl -gsk -o /dev/null --max-time 30 --path-as-is -- "$3://localhost:$port${rewrite:-$at}"; fi
    do
      if [ "$SECONDS" -ge 120 ]; then fail "EXPOSE: nothing answers on port $port after two minutes"; fi
      sleep 0.5
    done
    if [ "$2" = website ] && [ "${EXPOSE_WEBSITE_HOST:-}" = "localhost:$proxied" ]; then show_website "$3"; fi
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
      {
        printf -- '- `%s` answered on the runner while the job ran; nobody can reach it from outside' "$3://localhost:$port${rewrite:-$at}"
        if [ -f "$books/routes" ] && [ "$2" = website ]; then printf '. In the job it is `%s`, too' "http://$EXPOSE_WEBSITE_HOST$at"; fi
        echo
      } >>"$GITHUB_STEP_SUMMARY"
    fi
    ;;
  memory) # memory BYTES: says where the runner has less
    has=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
    if [ "$((has * 1024))" -lt "$(($2 / 100 * 90))" ]; then echo "::warning::MEMORY asks for $2 bytes, and this runner has $((has * 1024))"; fi
    ;;
  cache-restore) # cache-restore NAME PATH…: lays the saved content into place, and remembers the places
    directory=$GITHUB_WORKSPACE/__layer_cache/$2
    list=$books/cache-$2
    : >"$list"
    shift 2
    for one in "$@"; do
      guest "$one"
      index=$(tr -cd '\0' <"$list" | wc -c)
      printf '%s\0' "$REPLY" >>"$list"
      make_directory "$(dirname -- "$REPLY")"
      if [ -f "$directory/$index.tar" ]; then
        tar --xattrs --acls -C "$(dirname -- "$REPLY")" -xpf "$directory/$index.tar" || fail "CACHE: the saved content of $REPLY cannot be unpacked"
      fi
    done
    ;;
  cache-save) # cache-save NAME: packs the places, and says what they hold as a digest
    if [ ! -f "$books/cache-$2" ]; then exit 0; fi
    directory=$GITHUB_WORKSPACE/__layer_cache/$2
    rm -rf -- "$directory"
    mkdir -p -- "$directory"
    mapfile -d '' -t places <"$books/cache-$2"
    digest=
    for index in "${!places[@]}"; do
      one=${places[index]}
      if [ ! -e "$one" ]; then continue; fi
      from=(-C "$(dirname -- "$one")")
      digest+=$(tar "${from[@]}" --sort=name --mtime=@0 --numeric-owner -cf - -- "./$(basename -- "$one")" | sha256sum)
      tar "${from[@]}" --xattrs --acls -cpf "$directory/$index.tar" -- "./$(basename -- "$one")"
    done
    chmod -R a+rX -- "$directory"
    if [ -n "$digest" ]; then echo "digest=$(printf %s "$digest" | sha256sum | cut -c1-32)" >>"$GITHUB_OUTPUT"; fi
    ;;
  mark) # what changes from here on is what hand-over takes
    sleep 0.1
    : >"$books/mark"
    sleep 0.1
    ;;
  hand-over) # hand-over: every file that changed since the mark, and the state, as __layer_state/state.tar
    state=$GITHUB_WORKSPACE/__layer_state
    mkdir -p -- "$state" /var/lib/layer
    cp -- "$books/state" /var/lib/layer/state
    skip=()
    for one in /proc /sys /dev /run /__w /__e /__t /github /var/lib/docker /var/lib/containerd "${GITHUB_WORKSPACE%/*/*}" "${RUNNER_TEMP:-/run}" "${RUNNER_TOOL_CACHE:-/run}" /home/runner/actions-runner /home/runner/runners; do
      skip+=(-path "$one" -prune -o)
    done
    find / -xdev "${skip[@]}" -cnewer "$books/mark" -print0 |
      tar --null --no-recursion --xattrs --acls --warning=no-file-changed -C / -cpf "$state/state.tar" -T -
    if [ $? -gt 1 ]; then fail 'what this job changed could not be packed'; fi
    chmod -R a+rX -- "$state"
    ;;
  look-up) # look-up NAME KEY [-e VARIABLE | -p PATH | -g GLOB]…: the tag of the image that these make, and the image where there is one
    image=ghcr.io/${GITHUB_REPOSITORY,,}/$2
    key=$3
    shift 3
    while [ $# -gt 0 ]; do
      case "$1" in
        -e) key+=" $(printf %s "${!2-}" | sha256sum)" ;;
        -p) key+=" $(git_in "$LAYER_REPO" ls-files -s -z -- ":(top,literal)$(realpath -ms -- "$2" | cut -c2-)" | sha256sum)" ;;
        -g) key+=" $(git_in "$LAYER_REPO" ls-files -s -z -- ":(top,glob)$(realpath -ms -- "$2" | cut -c2-)" ":(top,glob)$(realpath -ms -- "$2" | cut -c2-)/**" | sha256sum)" ;;
      esac
      shift 2
    done
    key=$(printf '%s %s' "$key" "$(git_in "$LAYER_REPO" ls-files -s -- .layerignore)" | sha256sum | cut -c1-32)
    printf %s "$REGISTRY_TOKEN" | docker login ghcr.io --username "$GITHUB_ACTOR" --password-stdin || exit
    tag_of() { printf '%s:%s-%s' "$image" "$(printf %s "$1" | sha256sum | cut -c1-8)" "$key"; }
    echo "tag=$(tag_of "$GIT_BRANCH")" >>"$GITHUB_OUTPUT"
    # Another branch's images are its own; those of the default branch are everybody's.
    for one in "$GIT_BRANCH" "$DEFAULT_BRANCH"; do
      if digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$(tag_of "$one")" 2>/dev/null); then
        echo "image=$image@$digest" >>"$GITHUB_OUTPUT"
        break
      fi
    done
    ;;
  take-image) # take-image: the state that the parents' image holds
    take_state
    ;;
  take-over) # take-over: the files and the state of the job before
    tar --xattrs --acls -C / -xpf "$GITHUB_WORKSPACE/__layer_state/state.tar" || fail 'what the job before changed could not be unpacked'
    take_state
    ;;
  '') fail 'usage: layer-sh FILE' ;;
  *) machine "$1" ;;
esac
