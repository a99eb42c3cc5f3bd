# To be sourced: makes the benchmark capture $1 where it is missing or older than what makes it. Under
# another name first, and locked: a run that is cut off leaves none, two at once make one.
make_capture() {
    local maker
    maker=$(dirname "${BASH_SOURCE[0]}")/mixed.py
    mkdir -p "$(dirname "$1")"
    exec 8>"$1.lock"
    flock 8
    if [ ! -e "$1" ] || [ "$maker" -nt "$1" ]; then
        echo "making $1"
        python3 "$maker" "$1.tmp"
        mv "$1.tmp" "$1"
    fi
    exec 8>&-
}
