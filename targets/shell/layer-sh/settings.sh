# Instructions that say how those below them run.

# mask_base64 SECRET: hides its base64 too, as far as what follows it cannot change that.
mask_base64() {
  local LC_ALL=C
  if [ ${#1} -ge 6 ]; then printf '::add-mask::%s\n' "$(printf %s "$1" | base64 -w 0 | cut -c "1-$((${#1} * 8 / 6))")"; fi
}

call_workdir() {
  guest "$2"
  make_directory "$REPLY"
  persist LAYER_CWD "$REPLY"
}

call_user() {
  expand "$2"
  user=$REPLY
  id -u -- "$user" >/dev/null 2>&1 || useradd -m -U -s /bin/bash -- "$user" || exit
  usermod -a -G root -- "$user" || exit
  persist LAYER_USER "$user"
}

# setup-file PATH…
call_setup_file() {
  shift
  for one in "$@"; do
    guest "$one"
    LAYER_SETUP+=${LAYER_SETUP:+$'\n'}$REPLY
  done
  persist LAYER_SETUP "$LAYER_SETUP"
}

# env NAME… FILE: FILE assigns the names; what they are then is kept
call_env() {
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
}

# secret NAME…: each has a value, and is in force from here on
call_secret() {
  shift
  for one in "$@"; do
    if [ -z "${!one:-}" ]; then fail "the secret $one has no value here: add it under Settings, Secrets and variables, Actions (pull requests from forks get none)"; fi
    mask_base64 "${!one}"
    case " $LAYER_SECRETS " in *" $one "*) ;; *) LAYER_SECRETS+=${LAYER_SECRETS:+ }$one ;; esac
  done
  persist LAYER_SECRETS "$LAYER_SECRETS"
}

call_aws() { persist LAYER_AWS true; }

# split COUNT [COPY]: COPY is left out where the copies must not know their number
call_split() {
  persist SPLIT_NUM "$2"
  if [ -n "${3:-}" ]; then persist SPLIT "$3"; fi
}

# skip-if NAME OPERATOR VALUE …: LAYER_SKIP where all hold
call_skip_if() {
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
}

call_unskip() { persist LAYER_SKIP false; }

call_skipped() { if [ "$LAYER_SKIP" = true ]; then echo 'skip=true' >>"$GITHUB_OUTPUT"; fi; }
