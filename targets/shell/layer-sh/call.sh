# Which of the calls above is meant.
case "${1:-}" in
  begin | vendor | workdir | user | setup-file | env | secret | aws | \
    split | copy | clone | skip-if | unskip | skipped | building | background | \
    background-start | background-check | background-stop | stop | expose | memory | cache-restore | cache-save | \
    mark | hand-over | look-up | take-image | take-over) "call_${1//-/_}" "$@" ;;
  '') fail 'usage: layer-sh FILE' ;;
  *) machine "$1" ;;
esac
