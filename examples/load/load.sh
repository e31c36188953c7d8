#!/bin/sh
# Loads what is new: load.sh CONFIG [OPTION ...]. What time mends is tried again twice, after a pause; ends with the last
# status. The address of the warehouse is in load.env beside the configuration, or in the environment.
#
# PROGRAM: the connector's program, if it is not on the path. PAUSE: seconds, 300.
config=$1
shift
environment=$(dirname "$config")/load.env
if [ -r "$environment" ]; then
    set -a
    . "$environment"
    set +a
fi
for pause in "${PAUSE:-300}" "${PAUSE:-300}" ''; do
    "${PROGRAM:-source-events}" load --config "$config" "$@"
    status=$?
    # Only a stream that failed may fare better a while later.
    if [ "$status" -ne 1 ] || [ -z "$pause" ]; then
        exit "$status"
    fi
    sleep "$pause"
done
