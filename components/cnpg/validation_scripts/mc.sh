#!/bin/sh
# Option B: the newest base backup and WAL, by MinIO's client. No hole in the WAL, no damage, no foreign object is seen.
# Runs on the vendor's image, which has a shell; installs nothing, writes to /tmp alone.
# One line of JSON and the exit codes of docs/validator.md.
set -u

CLIENT=mc
. "${0%/*}/report.sh"

ask() { # what the client answers, in $answer; empty when nothing is there; the run ends when the store does not answer
  asked=$((asked + 1))
  if answer=$(mc --no-color "$@" 2>/tmp/error); then return; fi
  case $(cat /tmp/error) in
    *'Object does not exist'*) answer=''; return ;;
    *'Access Denied'* | *AccessDenied* | *'access key'* | *signature*)
      told store failed access-denied 11 'the store refuses the reader' ;;
    *SlowDown* | *'reduce your request rate'*) told store failed throttled 13 'the store asked to slow down' ;;
    *[Bb]ucket*'does not exist'* | *'Invalid URL'*)
      told store failed configuration 10 'the bucket or its endpoint is wrong' ;;
    *) told store failed store-unreachable 12 'the store does not answer' ;;
  esac
  ended
}

last() { # the last word by its name
  found=''
  for word in "$@"; do
    if [ "$word" \> "$found" ]; then found=$word; fi
  done
  printf '%s' "$found"
}

encrypted() { # check, place
  ask stat --json "$2"
  case $answer in
    *'"X-Amz-Server-Side-Encryption":"'"$EXPECTED_ENCRYPTION"'"'*) told "$1" ok - 0 "$2" ;;
    *) told "$1" failed encryption 25 "$2 is not encrypted with $EXPECTED_ENCRYPTION" ;;
  esac
}

archive="store/$BACKUP_BUCKET/$BACKUP_ARCHIVE"

ask find "$archive/base/" --name backup.info
newest='' rest=$answer
while [ -n "$rest" ] && [ -z "$newest" ]; do
  # shellcheck disable=SC2086
  place=$(last $rest)
  ask cat "$place"
  case $answer in *status=DONE*) newest=$place ;; esac
  others=''
  for word in $rest; do
    if [ "$word" != "$place" ]; then others="$others $word"; fi
  done
  rest=${others# }
done
if [ -z "$newest" ]; then
  told backup-age failed backup-missing 20 'there is no finished base backup'
else
  ask find "$archive/base/" --name backup.info --newer-than "${MAX_BACKUP_AGE_SECONDS}s"
  case "
$answer
" in
    *"
$newest
"*) told backup-age ok - 0 "$newest is younger than $MAX_BACKUP_AGE_SECONDS s" ;;
    *) told backup-age failed backup-missing 20 "$newest is older than the allowed $MAX_BACKUP_AGE_SECONDS s" ;;
  esac
  encrypted encryption-backup "$newest"
fi

segments() { # the last whole segment of a list
  kept=''
  for word in "$@"; do
    case $word in *.history* | *.backup* | *.partial*) ;; *) kept="$kept $word" ;; esac
  done
  # shellcheck disable=SC2086
  last $kept
}

ask find "$archive/wals/" --newer-than "${MAX_WAL_AGE_SECONDS}s"
# shellcheck disable=SC2086
young=$(segments $answer)
if [ -n "$young" ]; then
  told wal-age ok - 0 "$young is younger than $MAX_WAL_AGE_SECONDS s"
  encrypted encryption-wal "$young"
else
  told wal-age failed wal-old 24 "no WAL is younger than $MAX_WAL_AGE_SECONDS s"
fi
told store ok - 0 "$asked requests were answered"
ended
