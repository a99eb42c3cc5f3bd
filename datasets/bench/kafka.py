#!/usr/bin/env python3
"""Runs sensor and workers against one broker and tells what a record costs, and how late it is.

Called by kafka.sh. What is measured:

 apart     the sensor fills the topics while the workers are stopped, then they empty them: what
           each can do at most, and what it costs, without the other beside it
 together  both at once, from the first record to the last fact that owners found out
 restore   how long a worker takes to take over a million keys
 paced     a capture made as it is played, its time stamps those of the wall clock; how long until
           a reader of committed messages has the alert about a transaction (`alerts`), and what
           owners found out in a second after that second was over (`facts`)

CPU time is that of the processes (user and system), and so is the memory (VmHWM). It is over when
every owner has told all facts of the last second of the capture, which is when every record and
every rollup of it was taken and committed.
"""

import argparse
import atexit
import collections
import datetime
import json
import os
import random
import signal
import string
import struct
import subprocess
import sys
import threading
import time

from mixed import checksum, total

TICKS = os.sysconf("SC_CLK_TCK")
SLOT = 0.005  # seconds of a paced capture that are written at once
TUNNEL_QUERIES = 30
LONGEST = 900  # seconds that anything may take
STARTED = []


def cpu(pid):
    """CPU seconds of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, what="VmHWM"):
    """The most memory a process had, or has (VmRSS), in MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[what].split()[0]) / 1024


def end_all():
    """Ends what was started; nothing of it is of use to anybody else."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()


class Site:
    """Topics of one run, and the programs that use them."""

    def __init__(self, options, number, partitions):
        self.options, self.partitions = options, partitions
        self.prefix = f"bench{number}"
        self.config = f"{options.scratch}/{self.prefix}.toml"
        with open(self.config, "w", encoding="ascii") as file:
            file.write(f"[kafka.topics]\nprefix = \"{self.prefix}\"\npartitions = {partitions}\n")
        self.number, self.workers, self.reached = 0, {}, {}
        self.rollups = 0
        subprocess.run(self.command("geophone", "topics", "create"), check=True,
                       stdout=subprocess.DEVNULL)

    def command(self, program, *arguments, measured=False):
        first = []
        if measured and self.options.priority:
            first = ["chrt", "-r", str(self.options.priority)]
        return [*first, f"{self.options.built}/{program}", *arguments, "--config", self.config,
                "--kafka", self.options.brokers]

    def start_workers(self, count):
        """Starts workers, waits until they share all partitions; returns the keys they have then."""
        shares, keys, changed = {}, {}, threading.Condition()

        def listen(worker):
            for line in worker.stderr:
                word = line.split()
                if len(word) > 2 and word[2].startswith("partitions"):
                    with changed:
                        shares[worker.pid] = int(word[1])
                        keys[worker.pid] = int(word[3]) if len(word) > 3 else 0
                        changed.notify()
                elif "messages taken" not in line:
                    print("  worker:", line, end="", flush=True)

        for _ in range(count):
            self.number += 1
            stats = f"{self.options.scratch}/{self.prefix}-{self.number}.json"
            name = f"{self.prefix}-{self.number}"
            worker = subprocess.Popen(
                self.command("geophone", "run", "--worker", name, "--stats", stats,
                             "--save-seconds", str(self.options.save_seconds), measured=True),
                stderr=subprocess.PIPE, text=True)
            STARTED.append(worker)
            threading.Thread(target=listen, args=(worker,), daemon=True).start()
            self.workers[worker.pid] = (worker, stats)

        def shared():
            return (len(shares) == len(self.workers) and min(shares.values(), default=0) > 0
                    and sum(shares.values()) == 2 * self.partitions)

        with changed:
            if not changed.wait_for(shared, LONGEST):
                raise SystemExit(f"the workers do not share the partitions: {shares}")
        return sum(keys.values())

    def stop_workers(self):
        """Lets workers leave; adds up what they counted."""
        for worker, _ in self.workers.values():
            worker.send_signal(signal.SIGTERM)
        sums = collections.Counter()
        for worker, stats in self.workers.values():
            if worker.wait(LONGEST) != 0:
                raise SystemExit("a worker failed")
            with open(stats, encoding="utf-8") as file:
                told = json.load(file)["counters"]
            sums.update({name: value for name, value in told.items() if isinstance(value, int)})
        self.workers = {}
        return sums

    def follow(self, topic, start="beginning"):
        """Reads a topic in words; yields messages with the wall time at which they were read."""
        tail = subprocess.Popen(
            self.command("geophone", "tail", topic, "--from", start, "--format", "ndjson"),
            stdout=subprocess.PIPE, text=True, bufsize=1)
        STARTED.append(tail)
        try:
            for line in tail.stdout:
                yield time.time(), json.loads(line)
        finally:
            tail.kill()
            tail.wait()

    def await_facts(self, second):
        """Returns the wall time at which all owners had told everything up to `second`."""
        told = {}
        for now, message in self.follow("domains"):
            facts = message["facts"]
            told[facts["from"]] = max(told.get(facts["from"], 0), seconds_of(facts["complete"]))
            if len(told) == self.partitions and min(told.values()) >= second:
                return now
        raise SystemExit("the topic ended")

    def sensor(self, capture, **how):
        self.number += 1
        self.stats = f"{self.options.scratch}/{self.prefix}-{self.number}.json"
        sensor = subprocess.Popen(
            self.command("geophone-sensor", "replay", capture, "--sensor", "bench",
                         "--stats", self.stats, measured=True), stderr=subprocess.DEVNULL, **how)
        STARTED.append(sensor)
        return sensor

    def wait_sensor(self, sensor):
        """Waits for a sensor; returns records, CPU seconds and MiB."""
        _, status, used = os.wait4(sensor.pid, 0)
        if status != 0:
            raise SystemExit(f"the sensor ended with {status}")
        with open(self.stats, encoding="utf-8") as file:
            counters = json.load(file)["counters"]
        lost = sum(counters.get(f"kafka.{what}", 0) for what in ("dropped_busy", "dropped_full", "rejected", "unreadable"))
        if lost:
            raise SystemExit(f"the sensor lost {lost} messages")
        return counters["kafka.delivered"], used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    def octets(self, topic):
        """Octets on the disk of the broker."""
        folder, total = f"{self.options.scratch}/broker/broker-1", 0
        for part in os.listdir(folder):
            if part.startswith(f"{self.prefix}.{topic}-"):
                for file in os.listdir(f"{folder}/{part}"):
                    if file.endswith(".log"):
                        total += os.stat(f"{folder}/{part}/{file}").st_size
        return total


def last_second(capture):
    """The second of the last frame of a pcap."""
    with open(capture, "rb") as file:
        order, _ = order_of(file.read(24))
        data = file.read()
    at, last = 0, 0
    while at < len(data):
        last, _, size, _ = struct.unpack_from(order + "IIII", data, at)
        at += 16 + size
    return last


def order_of(head):
    order = "<" if head[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    return order, head


def pressed(capture, seconds, target):
    """Writes the capture with its time pressed into so many seconds.

    Nodes wait for each other once in some seconds of capture time, so a thin capture replayed fast
    measures those waits, not the work: a minute of 1,000 records a second is not a second of 60,000.
    """
    with open(capture, "rb") as file:
        order, head = order_of(file.read(24))
        data, at = bytearray(file.read()), 0
    form = struct.Struct(order + "IIII")
    first, _, _, _ = form.unpack_from(data, 0)
    scale = seconds / (last_second(capture) + 1 - first)
    while at < len(data):
        whole, micros, size, length = form.unpack_from(data, at)
        micros = int(((whole - first) * 1_000_000 + micros) * scale)
        form.pack_into(data, at, first + micros // 1_000_000, micros % 1_000_000, size, length)
        at += 16 + size
    with open(target, "wb") as file:
        file.write(head + data)


def cost(name, seconds, records, wall=None, also=""):
    rate = f"{records / wall / 1000:8.1f} k/s" if wall else " " * 12
    print(f"  {name:<22} {rate} {seconds:7.2f} s CPU {seconds / records * 1e6:7.2f} us a record{also}",
          flush=True)


def apart(options, site, workers, last):
    site.start_workers(workers)
    # Not for as long as the group would wait for them.
    for pid in site.workers:
        os.kill(pid, signal.SIGSTOP)
    broker = cpu(options.broker)
    began = time.time()
    records, used, mib = site.wait_sensor(site.sensor(options.capture))
    cost("sensor", used, records, time.time() - began, f"  {mib:.0f} MiB")
    cost("broker, for the sensor", cpu(options.broker) - broker, records)
    broker, began = cpu(options.broker), time.time()
    for pid in site.workers:
        os.kill(pid, signal.SIGCONT)
    ended = site.await_facts(last)
    tell_workers(site, records, ended - began, cpu(options.broker) - broker)


def together(options, site, workers, last):
    site.start_workers(workers)
    broker, began = cpu(options.broker), time.time()
    sensor = site.sensor(options.capture)
    waiter = []
    thread = threading.Thread(target=lambda: waiter.append(site.wait_sensor(sensor)))
    thread.start()
    ended = site.await_facts(last)
    thread.join()
    records, used, _ = waiter[0]
    cost("sensor", used, records)
    tell_workers(site, records, ended - began, cpu(options.broker) - broker)
    return records / (ended - began)


def restore(options, site):
    """Fills the tables, lets the worker leave, and times how long another one takes to take over."""
    capture = f"{options.scratch}/keys.pcap"
    subprocess.run([sys.executable, f"{os.path.dirname(os.path.abspath(__file__))}/keys.py", capture,
                    str(options.keys)], check=True)
    site.start_workers(1)
    site.wait_sensor(site.sensor(capture))
    site.await_facts(last_second(capture))
    began = time.time()
    site.stop_workers()
    print(f"  leaving took {time.time() - began:.1f} s")
    began = time.time()
    keys = site.start_workers(1)
    wall = time.time() - began
    pid = next(iter(site.workers))
    print(f"  {keys} keys were there again after {wall:.1f} s, {cpu(pid):.1f} s CPU, "
          f"{memory(pid, 'VmRSS'):.0f} MiB, at most {memory(pid):.0f}; "
          f"{site.octets('state') / 1e6:.0f} MB of state on disk")
    sums = site.stop_workers()
    print(f"  {sums['worker.nodes_restored']} nodes restored, {sums['worker.messages_retaken']} "
          f"messages taken once more", flush=True)
    os.unlink(capture)


def tell_workers(site, records, wall, broker):
    used = {pid: cpu(pid) for pid in site.workers}
    held = [f"{memory(pid, 'VmRSS'):.0f}" for pid in site.workers]
    most = [f"{memory(pid):.0f}" for pid in site.workers]
    cost(f"{len(used)} workers", sum(used.values()), records, wall,
         f"  {' '.join(held)} MiB, at most {' '.join(most)}")
    cost("broker", broker, records)
    sums = site.stop_workers()
    rollups = sums["worker.rollups"]
    print(f"  {records} records, {rollups} rollups ({rollups / records:.2f} a record), "
          f"{sums['worker.transactions']} transactions, {sums['worker.nodes_saved']} nodes saved; "
          + ", ".join(f"{topic} {site.octets(topic) / records:.0f}"
                      for topic in ("records", "rollups", "domains", "state"))
          + " octets on disk a record")


def tunnel_frames(number, rng):
    """A burst of queries that any tunnel would make, each with its answer."""
    client = bytes((10, 200 + number // 62500, number // 250 % 250, number % 250 + 1))
    server = bytes((192, 0, 2, 53))
    frames = []
    for ident in range(TUNNEL_QUERIES):
        labels = ["".join(rng.choices(string.ascii_lowercase + "234567", k=60)) for _ in range(2)]
        name = b"".join(bytes((len(label),)) + label.encode()
                        for label in (*labels, f"paced{number}", "com")) + b"\0"
        for flags, source, target, ports in ((0x0100, client, server, (40000, 53)),
                                             (0x8183, server, client, (53, 40000))):
            body = struct.pack(">HHHHHH", ident, flags, 1, 0, 0, 0) + name + struct.pack(">HH", 16, 1)
            udp = struct.pack(">HHHH", *ports, 8 + len(body), 0) + body
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ident, 0, 64, 17, 0,
                               source, target)
            head = head[:10] + struct.pack(">H", checksum(total(head))) + head[12:]
            frames.append(bytes(12) + b"\x08\x00" + head + udp)
    return frames


class Paced:
    """Frames of a capture and of tunnels, with the octets of the records that hold them."""

    def __init__(self, options, rate, tunnels):
        with open(options.capture, "rb") as file:
            order, head = order_of(file.read(24))
            self.form, self.head = order + "IIII", head
            data, frames, at = file.read(), [], 0
        most = int(rate * options.paced_seconds)
        while at < len(data) and len(frames) < most:
            size = struct.unpack_from(self.form, data, at)[2]
            frames.append(data[at + 16:at + 16 + size])
            at += 16 + size
        self.rate, self.seconds = rate, len(frames) / rate
        rng = random.Random(1)
        # Frames of a tunnel follow each other every millisecond.
        extra = []
        for number in range(int(self.seconds * tunnels)):
            begin = number / tunnels
            extra += [(begin + n / 1000, frame) for n, frame in enumerate(tunnel_frames(number, rng))]
        self.frames = sorted([(n / rate, frame) for n, frame in enumerate(frames)] + extra,
                             key=lambda frame: frame[0])

    def chunks(self, start):
        """Octets that are to be written at a time, each with that time."""
        chunk, due, all_chunks = bytearray(), SLOT, []
        for offset, frame in self.frames:
            if offset >= due:
                all_chunks.append((start + due, bytes(chunk)))
                chunk, due = bytearray(), (offset // SLOT + 1) * SLOT
            micros = round((start + offset) * 1e6)
            chunk += struct.pack(self.form, micros // 1_000_000, micros % 1_000_000, len(frame),
                                 len(frame)) + frame
        all_chunks.append((start + due, bytes(chunk)))
        return all_chunks


def paced(options, site, workers, rate):
    traffic = Paced(options, rate, options.tunnels)
    site.start_workers(workers)
    sensor = site.sensor("-", stdin=subprocess.PIPE)
    lags = {"alerts": [], "facts": []}
    opened = threading.Semaphore(0)

    def alerts():
        for now, alert in site.follow("alerts"):
            if alert["event"]["action"] == "open":
                lags["alerts"].append((now, now - seconds_of(alert["@timestamp"])))
                opened.release()

    def facts():
        for now, message in site.follow("domains"):
            over = seconds_of(message["facts"]["complete"]) + 1
            if over > 1:
                lags["facts"].append((now, now - over))

    for reader in (alerts, facts):
        threading.Thread(target=reader, daemon=True).start()
    start = time.time() + 3 + len(traffic.frames) / 300_000
    chunks = traffic.chunks(start)
    sensor.stdin.write(traffic.head)
    worst, before = 0, None
    for due, chunk in chunks:
        rest = due - time.time()
        if rest > 0:
            time.sleep(rest)
        sensor.stdin.write(chunk)
        sensor.stdin.flush()
        worst = max(worst, time.time() - due)
        if before is None and due > start + options.warm:
            before = {pid: cpu(pid) for pid in (*site.workers, sensor.pid, options.broker)}
            measured = due
    used = {pid: cpu(pid) - before[pid] for pid in before}
    span = time.time() - measured
    sensor.stdin.close()
    site.wait_sensor(sensor)
    # Every tunnel is found: what is late is waited for, so it counts.
    tunnels = int(traffic.seconds * options.tunnels)
    for _ in range(tunnels):
        if not opened.acquire(timeout=60):
            raise SystemExit(f"{len(lags['alerts'])} alerts of {tunnels} tunnels")
    end = start + traffic.seconds
    print(f"  {len(traffic.frames) / traffic.seconds / 1000:.1f} k frames/s for "
          f"{traffic.seconds:.0f} s; the player was late by {worst * 1000:.0f} ms at most; load: "
          f"sensor {used[sensor.pid] / span:.2f}, broker {used[options.broker] / span:.2f}, workers "
          + " ".join(f"{used[pid] / span:.2f}" for pid in site.workers) + " of a core")
    for what, all_lags in lags.items():
        # Facts of the last second wait for the end of the capture; those before it count.
        some = sorted(lag for now, lag in all_lags
                      if now - lag > start + options.warm and now - lag < end - 1)
        if not some:
            raise SystemExit(f"no {what}")
        at = [some[min(len(some) - 1, len(some) * part // 100)] for part in (50, 90, 99)]
        print(f"  {what:<7} p50 {at[0] * 1000:5.0f} ms, p90 {at[1] * 1000:5.0f} ms, p99 "
              f"{at[2] * 1000:5.0f} ms, worst {some[-1] * 1000:5.0f} ms of {len(some)}", flush=True)
    site.stop_workers()


def seconds_of(text):
    if text is None:
        return 0
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("built", "capture", "scratch", "brokers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--broker", type=int, required=True, help="its process")
    parser.add_argument("--priority", type=int, default=0)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--runs", type=int, default=2, help="of each, after one for warmth")
    parser.add_argument("--save-seconds", type=int, default=30)
    parser.add_argument("--span", type=float, default=10,
                        help="seconds of capture time that the traffic takes; 0 for its own")
    parser.add_argument("--what", nargs="*", default=["apart", "together", "restore", "paced"])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=0,
                        help="frames a second when paced [default: half of what 2 workers do]")
    parser.add_argument("--paced-seconds", type=float, default=60, help="at most")
    parser.add_argument("--tunnels", type=float, default=50, help="begun a second when paced")
    parser.add_argument("--warm", type=float, default=3, help="seconds that do not count")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    atexit.register(end_all)
    if options.span:
        target = f"{options.scratch}/pressed.pcap"
        pressed(options.capture, options.span, target)
        options.capture = target
    last = last_second(options.capture)
    number, best = 0, {}

    def site():
        nonlocal number
        number += 1
        return Site(options, number, options.partitions)

    if "apart" in options.what or "together" in options.what:
        print("for warmth:")
        apart(options, site(), 1, last)
    for run in range(options.runs):
        for workers in options.workers:
            for what in ("apart", "together"):
                if what in options.what:
                    print(f"{what}, {workers} workers, run {run + 1}, load {os.getloadavg()[0]:.1f}:")
                    rate = globals()[what](options, site(), workers, last)
                    if rate:
                        best[workers] = max(best.get(workers, 0), rate)
    if "restore" in options.what:
        print(f"restore, load {os.getloadavg()[0]:.1f}:")
        restore(options, site())
    if "paced" in options.what:
        # Two frames make a record, nearly.
        rate = options.rate or best[max(best)] / 2 * 1.95
        for workers in options.workers:
            print(f"paced, {workers} workers, load {os.getloadavg()[0]:.1f}:")
            paced(options, site(), workers, rate)


main()
