#!/usr/bin/env bash
# Apache Kafka on loopback, for tests: its published jars, KRaft, free ports, in the background.
#
#   kafka.sh start [N]   fetch the jars by Maven, check their sums, start N brokers (default 1), wait
#   kafka.sh env         print what a shell needs: eval "$(datasets/lab/kafka.sh env)"
#   kafka.sh stop        stop every broker that start started, and remove what they stored
#   kafka.sh pid N       print the process id of broker N, to pause or kill it
#   kafka.sh revive N    start broker N again on its old storage and ports
#   kafka.sh with CMD …  run a command beside one broker, which KAFKA_BOOTSTRAP names to it; beside
#                        those that KAFKA_BOOTSTRAP names already, where it does; without Kafka where
#                        it is not to be had, unless KAFKA_REQUIRED is set
#   kafka.sh guard PID   in the background, stop them all when that process is gone
#   kafka.sh lock        write the lock of sums again, after a change of pom.xml
#
# KAFKA_LAB_DIR is where brokers live (default target/kafka), KAFKA_HEAP the JVM's heap (512m).
# Every broker has four listeners: plaintext, SASL over plaintext (PLAIN, SCRAM-SHA-256 and -512, by
# user geophone), TLS, and SASL over TLS. Nothing here is for production.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
pom=$root/datasets/lab/kafka/pom.xml
lock=$root/datasets/lab/kafka/kafka.lock
dir=${KAFKA_LAB_DIR:-$root/target/kafka}
jars=$root/target/kafka/jars
password=lab-only
java=(java "-Xmx${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -cp "$jars/*"
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dkafka.logs.dir="$dir")

fail() {
    echo "kafka.sh: $*" >&2
    exit 1
}

# Sums of all jars, no more and no fewer than the lock says.
are_as_locked() {
    [ -d "$jars" ] && diff -q <(cd "$jars" && sha256sum -- *.jar) "$lock" >/dev/null 2>&1
}

fetch() {
    if are_as_locked; then return; fi
    mkdir -p "$jars"
    # One at a time, whoever starts brokers.
    exec 9>"$jars.lock"
    flock 9
    if ! are_as_locked; then
        rm -rf "$jars"
        mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$jars" >"$dir/maven.log" 2>&1 ||
            fail "Maven could not fetch Apache Kafka; see $dir/maven.log"
    fi
    exec 9>&-
}

# A port that nothing listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        [[ " ${ports[*]:-} " == *" $port "* ]] && continue
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    ports+=("$port")
}

# Asks who the brokers are (Metadata request, version 1, no topics); prints how many it names.
brokers_known_by() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf '\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00' >&3
    answer=$(timeout 2 head -c 12 <&3 | od -An -tx1 | tr -d ' \n')
    exec 3<&- 3>&-
    [ ${#answer} = 24 ] && echo $((16#${answer:16:8}))
}

certificate() {
    keytool -genkeypair -alias broker -keyalg EC -validity 30 -dname CN=localhost \
        -ext san=dns:localhost,ip:127.0.0.1 -storetype PKCS12 -keystore "$dir/broker.p12" \
        -storepass "$password" >/dev/null 2>&1
    keytool -exportcert -rfc -alias broker -keystore "$dir/broker.p12" -storepass "$password" \
        >"$dir/ca.pem" 2>/dev/null
}

configure() {
    local n=$1 count=$2 voters=$3 base=$((($1 - 1) * 5)) least=1
    local copies=$((count < 3 ? count : 3))
    [ "$copies" = 3 ] && least=2
    local plain=${ports[base]} sasl=${ports[base + 1]} tls=${ports[base + 2]} both=${ports[base + 3]}
    local login="org.apache.kafka.common.security"
    {
        echo "process.roles=broker,controller"
        echo "node.id=$n"
        echo "controller.quorum.voters=$voters"
        echo "controller.listener.names=CONTROLLER"
        echo "inter.broker.listener.name=PLAINTEXT"
        echo "listeners=PLAINTEXT://127.0.0.1:$plain,SASL_PLAINTEXT://127.0.0.1:$sasl,SSL://127.0.0.1:$tls,SASL_SSL://127.0.0.1:$both,CONTROLLER://127.0.0.1:${ports[base + 4]}"
        echo "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT"
        echo "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
        for listener in sasl_plaintext sasl_ssl; do
            echo "listener.name.$listener.plain.sasl.jaas.config=$login.plain.PlainLoginModule required user_geophone=\"$password\";"
            for sum in 256 512; do
                echo "listener.name.$listener.scram-sha-$sum.sasl.jaas.config=$login.scram.ScramLoginModule required;"
            done
        done
        echo "ssl.keystore.location=$dir/broker.p12"
        echo "ssl.keystore.type=PKCS12"
        echo "ssl.keystore.password=$password"
        echo "log.dirs=$dir/broker-$n"
        echo "auto.create.topics.enable=false"
        echo "default.replication.factor=$copies"
        echo "min.insync.replicas=$least"
        echo "offsets.topic.replication.factor=$copies"
        echo "offsets.topic.num.partitions=4"
        echo "transaction.state.log.replication.factor=$copies"
        echo "transaction.state.log.min.isr=$least"
        echo "transaction.state.log.num.partitions=4"
        echo "share.coordinator.state.topic.replication.factor=$copies"
        echo "share.coordinator.state.topic.min.isr=$least"
        echo "group.initial.rebalance.delay.ms=0"
        echo "controlled.shutdown.enable=false"
    } >"$dir/broker-$n.properties"
    "${java[@]}" kafka.tools.StorageTool format -t "$cluster" -c "$dir/broker-$n.properties" \
        --add-scram "SCRAM-SHA-256=[name=geophone,password=$password]" \
        --add-scram "SCRAM-SHA-512=[name=geophone,password=$password]" \
        >"$dir/broker-$n.log" 2>&1 || fail "cannot format storage; see $dir/broker-$n.log"
}

launch() {
    # With no file of the caller's open: whoever waits for the end of our output would wait for it.
    setsid "${java[@]}" kafka.Kafka "$dir/broker-$1.properties" \
        >>"$dir/broker-$1.log" 2>&1 </dev/null &
    echo $! >"$dir/broker-$1.pid"
}

# Waits until every broker named says that it knows all of them.
wait_for() {
    local n port tries
    for n in "$@"; do
        port=$(sed -n 's/^listeners=PLAINTEXT:\/\/127.0.0.1:\([0-9]*\),.*/\1/p' "$dir/broker-$n.properties")
        for ((tries = 0; ; tries++)); do
            [ "$(brokers_known_by "$port" 2>/dev/null)" = "$(wc -l <"$dir/count")" ] && break
            if has_ended "$n"; then
                tail -n 5 "$dir/broker-$n.log" >&2
                fail "broker $n ended; see $dir/broker-$n.log"
            fi
            [ "$tries" -lt 600 ] || fail "broker $n does not answer; see $dir/broker-$n.log"
            sleep 0.1
        done
    done
}

# Not the same as not being ours: a process that has just begun still has the name of this script.
has_ended() {
    local pid
    pid=$(cat "$dir/broker-$1.pid" 2>/dev/null) || return 0
    [ ! -e "/proc/$pid" ] || grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null
}

is_ours() {
    local pid
    pid=$(cat "$dir/broker-$1.pid" 2>/dev/null) && [ -e "/proc/$pid/cmdline" ] &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/broker-$1.properties"
}

start() {
    local count=${1:-1} n voters="" list=""
    mkdir -p "$dir"
    [ -e "$dir/count" ] && fail "brokers were started already; datasets/lab/kafka.sh stop ends them"
    fetch
    are_as_locked || fail "the jars are not those of $lock"
    ports=()
    for ((n = 0; n < count * 5; n++)); do free_port; done
    cluster=Z2VvcGhvbmUtbGFiLTAwMQ
    [ -e "$dir/ca.pem" ] || certificate
    for ((n = 1; n <= count; n++)); do
        voters+="${voters:+,}$n@127.0.0.1:${ports[(n - 1) * 5 + 4]}"
    done
    for ((n = 1; n <= count; n++)); do
        configure "$n" "$count" "$voters"
        launch "$n"
        echo "$n" >>"$dir/count"
    done
    # shellcheck disable=SC2046
    wait_for $(cat "$dir/count")
    for at in 0 1 2 3; do
        list=""
        for ((n = 0; n < count; n++)); do list+="${list:+,}127.0.0.1:${ports[n * 5 + at]}"; done
        lists[at]=$list
    done
    {
        echo "export KAFKA_BOOTSTRAP=${lists[0]}"
        echo "export KAFKA_BOOTSTRAP_SASL=${lists[1]}"
        echo "export KAFKA_BOOTSTRAP_TLS=${lists[2]}"
        echo "export KAFKA_BOOTSTRAP_SASL_TLS=${lists[3]}"
        echo "export KAFKA_LAB_CA=$dir/ca.pem"
        echo "export KAFKA_LAB_PASSWORD=$password"
        echo "export KAFKA_LAB_DIR=$dir"
    } >"$dir/env"
    echo "Apache Kafka: $count of $count brokers answer, ${lists[0]}"
}

stop() {
    local n pid
    [ -e "$dir/count" ] || return 0
    while read -r n; do
        if is_ours "$n"; then
            pid=$(cat "$dir/broker-$n.pid")
            # A paused broker would never hear a gentler signal; nothing of it is kept.
            kill -KILL "$pid"
            while [ -e "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
        fi
        rm -rf "$dir/broker-$n" "$dir/broker-$n.pid" "$dir/broker-$n.properties"
    done <"$dir/count"
    rm -f "$dir/count" "$dir/env"
}

case ${1:-} in
    start) start "${2:-1}" ;;
    stop) stop ;;
    env) cat "$dir/env" 2>/dev/null || fail "no brokers run; datasets/lab/kafka.sh start" ;;
    pid) is_ours "$2" && cat "$dir/broker-$2.pid" ;;
    revive)
        is_ours "$2" && fail "broker $2 runs"
        launch "$2"
        wait_for "$2"
        ;;
    with)
        shift
        if [ -n "${KAFKA_BOOTSTRAP:-}" ]; then
            exec "$@"
        fi
        if [ ! -e "$dir/count" ]; then
            trap stop EXIT
            # In a process of its own: a failure ends that one only.
            "$0" start 1 || lacking=yes
        fi
        if [ -z "${lacking:-}" ]; then
            # shellcheck disable=SC1091
            . "$dir/env"
            "$@"
            exit
        fi
        [ -z "${KAFKA_REQUIRED:-}" ] || fail "KAFKA_REQUIRED is set, and there is no Apache Kafka"
        KAFKA_LAB_MOCK=yes "$@"
        echo "not covered, for lack of Apache Kafka (Java and Maven fetch it): topics, TLS and SASL, brokers killed and paused; the tests ran against librdkafka's mock cluster"
        ;;
    guard)
        (
            while [ -e "/proc/$2" ]; do sleep 1; done
            stop
        ) >/dev/null 2>&1 </dev/null &
        ;;
    lock)
        mkdir -p "$dir"
        rm -rf "$jars"
        fetch
        (cd "$jars" && sha256sum -- *.jar) >"$lock"
        ;;
    *) sed -n '2,20s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
