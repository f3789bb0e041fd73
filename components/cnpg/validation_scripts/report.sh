# What the short scripts have in common: one line of JSON and the exit codes of docs/validator.md. $CLIENT is set before.
began=$(date +%s) checks='' code=0 class=null asked=0

told() { # check, status, class, exit code, message
  checks="$checks${checks:+,}{\"check\":\"$1\",\"status\":\"$2\",\"message\":\"$5\""
  if [ "$2" = failed ]; then
    checks="$checks,\"class\":\"$3\",\"do\":\"see docs/validator.md\""
    if [ "$code" -eq 0 ] || [ "$4" -lt "$code" ]; then code=$4 class="\"$3\""; fi
  fi
  checks="$checks}"
}

ended() {
  if [ "$code" -eq 0 ]; then ok=true verdict=healthy; else ok=false verdict=unhealthy; fi
  if [ "$code" -ge 10 ] && [ "$code" -lt 20 ]; then verdict=unknown; fi
  for each in $SEEN_CHECKS; do # what a failure left out
    case $checks in *"\"check\":\"$each\""*) ;; *) NOT_CHECKED="$NOT_CHECKED,\"$each\"" ;; esac
  done
  printf '{"schema":"validation-report-v1","ok":%s,"verdict":"%s","class":%s,"exit_code":%s,"at":"%s",' \
    "$ok" "$verdict" "$class" "$code" "$(date -u +%Y-%m-%dT%H:%M:%S+00:00)"
  printf '"archive":"s3://%s/%s","mode":null,"restorable":"unknown","restorable_by":"objects",' \
    "$BACKUP_BUCKET" "$BACKUP_ARCHIVE"
  printf '"restorable_until":null,"unrestorable_because":null,"backup":null,"checks":[%s],"not_checked":[%s],' \
    "$checks" "$NOT_CHECKED"
  printf '"counts":{},"requests":{"%s":%s},"seconds":%s,"metrics":""}\n' "$CLIENT" "$asked" "$(($(date +%s) - began))"
  exit "$code"
}
