#!/usr/bin/env bash
# Builds the Earthfile beside this directory with earth or earthly, whichever is there, and hands it this run's variables.
# Usage: bash .earth/build [option…] [+target [--ARG=value…]]. Without a target: +all. What stands behind a BUTTON: bash .earth/build --push +<target>.
set -eu
cd "$(dirname "$0")/.."

# The Earthfile's ARGs that BUILD ENV names, its secrets, and options that it needs.
arguments=(@ARGUMENTS@)
secrets=(@SECRETS@)
options=(@OPTIONS@)

tool=$(command -v earth || command -v earthly) || {
  echo '.earth/build: neither earth nor earthly is here; see https://github.com/EarthBuild/earthbuild' >&2
  exit 1
}
target=+all
values=()
named=false
for one in "$@"; do
  case "$one" in
    +*)
      target=$one
      named=true
      ;;
    *) if [ "$named" = true ]; then values+=("$one"); else options+=("$one"); fi ;;
  esac
done
for one in ${secrets[@]+"${secrets[@]}"}; do
  if [ -z "${!one:-}" ]; then
    echo ".earth/build: the secret $one has no value; set it in the environment: $one=… .earth/build" >&2
    exit 1
  fi
  options+=(--secret "$one")
done

in_git() { git -c log.showSignature=false "$@" 2>/dev/null || true; }
branch=$(in_git symbolic-ref --quiet --short HEAD)
origin=$(in_git remote get-url origin | sed -E 's#^(ssh://)?git@([^:/]+)[:/]#https://\2/#; s#^(https?://)[^/@]*@#\1#')
path=$(printf %s "$origin" | sed -E 's#^[a-z+]+://[^/]+/##; s#\.git$##')
owner=$(if [ "${path%/*}" != "$path" ]; then printf %s "${path%/*}"; else echo local; fi)
name=${path##*/}
export CI=true IS_CI_MACHINE=true CI_MACHINE=true IN_CI_MACHINE=true IN_CI=true WEBAPPIO=true LAYERCI=true DEBIAN_FRONTEND=noninteractive
: "${GIT_BRANCH:=${branch:-${GITHUB_HEAD_REF:-${GITHUB_REF_NAME:-}}}}"
: "${GIT_COMMIT:=$(in_git rev-parse --verify HEAD)}"
: "${GIT_SHORT_COMMIT:=${GIT_COMMIT:0:12}}"
: "${GIT_TAG:=$(in_git describe --always)}"
: "${GIT_COMMIT_TITLE:=$(in_git log -1 --no-color --format=%s)}"
: "${GIT_CLONE_URL:=$origin}"
: "${SUBDOMAIN:=$(printf %s "${GIT_BRANCH##*/}" | LC_ALL=C.UTF-8 sed 's/.*/\L&/; s/[^a-z0-9-]/-/g; s/^-*//' | cut -c1-63 | sed 's/-*$//')}"
: "${REPOSITORY_NAME:=${name:-$(basename "$PWD")}}"
: "${REPOSITORY_OWNER:=$owner}"
: "${ORGANIZATION_NAME:=$REPOSITORY_OWNER}"
: "${JOB_ID:=${GITHUB_RUN_ID:-${CI_JOB_ID:-$(date +%s)}}}"
: "${LAYERCI_JOB_ID:=$JOB_ID}"
: "${RETRY_INDEX:=${GITHUB_RUN_ATTEMPT:-1}}"
: "${EXPOSE_WEBSITE_HOST:=localhost}"

LAYER_RUN=
for one in CI IS_CI_MACHINE CI_MACHINE IN_CI_MACHINE IN_CI WEBAPPIO LAYERCI DEBIAN_FRONTEND GIT_COMMIT GIT_SHORT_COMMIT GIT_BRANCH \
  GIT_TAG GIT_COMMIT_TITLE GIT_CLONE_URL SUBDOMAIN REPOSITORY_NAME REPOSITORY_OWNER ORGANIZATION_NAME JOB_ID LAYERCI_JOB_ID \
  RETRY_INDEX EXPOSE_WEBSITE_HOST PULL_REQUEST_URL API_EXTRA DEPLOYMENT_HOST; do
  if [ -n "${!one:-}" ]; then printf -v LAYER_RUN '%sexport %s=%q\n' "$LAYER_RUN" "$one" "${!one}"; fi
done
export LAYER_RUN

for one in ${arguments[@]+"${arguments[@]}"}; do values+=("--$one=${!one:-}"); done
exec "$tool" ${options[@]+"${options[@]}"} --secret LAYER_RUN "$target" ${values[@]+"${values[@]}"}
