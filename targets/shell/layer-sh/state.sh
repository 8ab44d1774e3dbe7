# The state of a machine, from one job to the next.

# take_state: what was in force in the job before is in force here.
take_state() {
  local one
  # shellcheck source=/dev/null
  . /var/lib/layer/state
  for one in LAYER_CWD LAYER_USER LAYER_SETUP LAYER_ENV LAYER_SECRETS LAYER_SKIP LAYER_AWS SPLIT SPLIT_NUM; do persist "$one" "${!one-}"; done
}

# mark: what changes from here on is what hand-over takes
call_mark() {
  sleep 0.1
  : >"$books/mark"
  sleep 0.1
}

# hand-over: every file that changed since the mark, and the state, as __layer_state/state.tar
call_hand_over() {
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
}

# take-over: the files and the state of the job before
call_take_over() {
  tar --xattrs --acls -C / -xpf "$GITHUB_WORKSPACE/__layer_state/state.tar" || fail 'what the job before changed could not be unpacked'
  take_state
}

# look-up NAME KEY [-e VARIABLE | -p PATH | -g GLOB]…: the tag of the image that these make, and the image where there is one
call_look_up() {
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
}

# take-image: the state that the parents' image holds
call_take_image() {
  take_state
}
