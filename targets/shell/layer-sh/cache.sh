# CACHE.

# cache-restore NAME PATH…: lays the saved content into place, and remembers the places
call_cache_restore() {
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
}

# cache-save NAME: packs the places, and says what they hold as a digest
call_cache_save() {
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
}
