#!/bin/sh
# Option A: the newest base backup and WAL, by the AWS CLI. No hole in the WAL, no damage, no foreign object is seen.
# Runs on the vendor's image, which has a shell and GNU date; installs nothing, writes to /tmp alone.
# One line of JSON and the exit codes of docs/validator.md.
set -u

CLIENT=aws
. "${0%/*}/report.sh"

ask() { # what the AWS CLI answers, in $answer; the run ends when the store does not
  asked=$((asked + 1))
  if answer=$(aws "$@" 2>/tmp/error); then return; fi
  case $(cat /tmp/error) in
    *AccessDenied* | *Forbidden* | *InvalidAccessKeyId* | *SignatureDoesNotMatch* | *ExpiredToken*)
      told store failed access-denied 11 'the store refuses the reader' ;;
    *SlowDown* | *Throttling*) told store failed throttled 13 'the store asked to slow down' ;;
    *NoSuchBucket* | *credentials* | *Invalid\ endpoint*)
      told store failed configuration 10 'the bucket, its endpoint or the credentials are wrong' ;;
    *) told store failed store-unreachable 12 'the store does not answer' ;;
  esac
  ended
}

encrypted() { # check, key
  ask s3api head-object --bucket "$BACKUP_BUCKET" --key "$2" --output text --query '[ServerSideEncryption,SSEKMSKeyId]'
  # shellcheck disable=SC2086
  set -- "$1" "$2" $answer
  if [ "$3" != "$EXPECTED_ENCRYPTION" ]; then
    told "$1" failed encryption 25 "$2 is encrypted with $3, expected $EXPECTED_ENCRYPTION"
  elif [ -n "${EXPECTED_KMS_KEY:-}" ] && [ "$4" != "$EXPECTED_KMS_KEY" ]; then
    told "$1" failed encryption 25 "$2 is encrypted under the key $4, expected $EXPECTED_KMS_KEY"
  else
    told "$1" ok - 0 "$2"
  fi
}

unquoted() { # an element of a JSON list, without quotes and comma
  word=${1%,} word=${word#\"} word=${word%\"}
  printf '%s' "$word"
}

[ -n "${BACKUP_ENDPOINT:-}" ] && export AWS_ENDPOINT_URL="$BACKUP_ENDPOINT"

# The newest attempts, newest first. With text output the CLI would apply the query to each page of its own.
ask s3api list-objects-v2 --bucket "$BACKUP_BUCKET" --prefix "$BACKUP_ARCHIVE/base/" --output json \
  --query "reverse(sort_by(Contents[?ends_with(Key, '/backup.info')] || \`[]\`, &Key))[:5].Key"
newest=''
for word in $answer; do
  case $word in '[' | ']' | '[]') continue ;; esac
  key=$(unquoted "$word")
  ask s3 cp "s3://$BACKUP_BUCKET/$key" -
  case $answer in
    *status=DONE*)
      newest=$key
      ended_at=${answer#*end_time=}
      ended_at=$(printf '%s\n' "$ended_at" | { IFS= read -r line && printf '%s' "$line"; })
      break ;;
  esac
done
if [ -z "$newest" ]; then
  told backup-age failed backup-missing 20 'there is no finished base backup among the newest five'
elif ! ended_at=$(date -d "$ended_at" +%s); then
  told backup-age failed backup-damaged 21 "$newest says no end_time"
else
  age=$((began - ended_at))
  if [ "$age" -gt "$MAX_BACKUP_AGE_SECONDS" ]; then
    told backup-age failed backup-missing 20 "$newest ended $age s ago, allowed are $MAX_BACKUP_AGE_SECONDS"
  else
    told backup-age ok - 0 "$newest ended $age s ago, allowed are $MAX_BACKUP_AGE_SECONDS"
  fi
  encrypted encryption-backup "$newest"
fi

ask s3api list-objects-v2 --bucket "$BACKUP_BUCKET" --prefix "$BACKUP_ARCHIVE/wals/" --output json \
  --query "sort_by(Contents[?!contains(Key, '.history') && !contains(Key, '.backup') && !contains(Key, '.partial')] || \`[]\`, &LastModified)[-1].[Key, LastModified]"
# shellcheck disable=SC2086
set -- $answer
if [ "$#" -ne 4 ]; then
  told wal-age failed wal-old 24 'there is no WAL'
else
  key=$(unquoted "$2") age=$((began - $(date -d "$(unquoted "$3")" +%s)))
  if [ "$age" -gt "$MAX_WAL_AGE_SECONDS" ]; then
    told wal-age failed wal-old 24 "$key was archived $age s ago, allowed are $MAX_WAL_AGE_SECONDS"
  else
    told wal-age ok - 0 "$key was archived $age s ago, allowed are $MAX_WAL_AGE_SECONDS"
  fi
  encrypted encryption-wal "$key"
fi
told store ok - 0 "$asked requests were answered"
ended
