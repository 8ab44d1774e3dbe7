# COPY and CLONE.

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

# copy TREE FROM DESTINATION [-g] SOURCE…
call_copy() {
  expand "$2"
  tree=$LAYER_REPO${REPLY:+/$REPLY}
  expand "$3"
  place "$tree" "$REPLY" "${@:4}"
}

# clone URL DEFAULT DESTINATION [[-g] SOURCE…]
call_clone() {
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
}
