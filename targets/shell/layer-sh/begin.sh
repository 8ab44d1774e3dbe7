# The machine before the first instruction.

git_in() {
  local tree=$1
  shift
  git -c safe.directory='*' -c log.showSignature=false -C "$tree" "$@"
}

# begin: the variables that only git knows, the repository as COPY takes it
call_begin() {
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
}

# vendor OWNER NAME COMMIT: the repository of a FROM github/…, where it is not committed here
call_vendor() {
  tree=$LAYER_REPO/.layer/vendor/$2/$3/$4
  if [ ! -d "$tree" ]; then
    mkdir -p -- "$tree"
    { git_in "$tree" init -q && git_in "$tree" fetch -q --depth 1 "https://github.com/$2/$3.git" "$4" && git_in "$tree" checkout -q FETCH_HEAD; } ||
      fail "FROM github/$2/$3: commit $4 could not be fetched"
  fi
  as_copied "$tree"
}

# memory BYTES: says where the runner has less
call_memory() {
  has=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
  if [ "$((has * 1024))" -lt "$(($2 / 100 * 90))" ]; then echo "::warning::MEMORY asks for $2 bytes, and this runner has $((has * 1024))"; fi
}
