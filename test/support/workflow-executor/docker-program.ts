/**
 * Docker as far as workflows use it for images: a registry that is the directory /opt/registry, with a file for each tag, which holds a digest, and one
 * for what an image adds to its base. It is no Docker: nothing is run, and the base is not looked at.
 */
export const dockerProgram = `#!/bin/bash
registry=/opt/registry
file_of() { printf '%s/%s' "$registry" "\${1//\\//_}"; }
logged_in() { test -e /tmp/docker-login || { echo 'unauthorized' >&2; exit 1; }; }
case "$1 $2" in
  'login ghcr.io') test "$5" = --password-stdin && test "$(cat)" = token-of-the-job && touch /tmp/docker-login ;;
  'buildx imagetools') logged_in; cat "$(file_of "\${*: -1}")" ;;
  'build --tag') test "$(head -n 1 "$4/Dockerfile" | cut -d@ -f 2 | wc -c)" = 72 && cp "$4/state.tar" /tmp/docker-image ;;
  'push '*)
    logged_in
    digest=sha256:$(sha256sum /tmp/docker-image | cut -d' ' -f1)
    cp /tmp/docker-image "$registry/$digest.tar"
    echo "$digest" >"$(file_of "$2")"
    ;;
  'inspect --format') echo "\${4%:*}@$(cat "$(file_of "$4")")" ;;
  *) echo "docker: nobody knows $*" >&2; exit 2 ;;
esac
`;
