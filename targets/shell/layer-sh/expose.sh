# EXPOSE.

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

# expose website|tcp SCHEME PORT [PATH [REWRITE]]: something answers there within two minutes
call_expose() {
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
}
