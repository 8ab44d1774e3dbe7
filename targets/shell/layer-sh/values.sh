# What is in force: variables, and the texts of instructions in which they stand.

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
