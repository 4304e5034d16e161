# SPDX-License-Identifier: Apache-2.0
"""A netmsgd process from its start to its end, seen from outside, and netmsgctl's answers.

usage: start_stop_test.py NETMSGD NETMSGCTL [unittest arguments]
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

NETMSGD, NETMSGCTL = sys.argv[1:3]

START_LIMIT_S = 20
STOP_LIMIT_S = 5

OK, REFUSED, USAGE, NO_ANSWER = 0, 1, 2, 3


class Daemon:
    """One netmsgd in a directory of its own, which may outlive it."""

    def __init__(self, directory, node, *arguments):
        self.directory = directory
        self.control = f"{directory}/control"
        self.log = open(f"{directory}/log", "ab")
        self.process = subprocess.Popen(
            [NETMSGD, f"--node={node}", f"--socket={directory}/socket", f"--state={directory}/state", *arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def wait_until_it_serves(self):
        deadline = time.monotonic() + START_LIMIT_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if os.path.exists(self.control):
                result = ctl(self, "status")
                if result.returncode == OK:
                    return self
            time.sleep(0.02)
        raise AssertionError(f"netmsgd does not serve: {self.text()}")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.end()

    def end(self):
        try:
            return self.process.wait(STOP_LIMIT_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()

    def text(self):
        with open(f"{self.directory}/log", encoding="utf-8", errors="replace") as log:
            return log.read()


def ctl(daemon, *arguments):
    controls = [f"--control={each.control}" for each in (daemon if isinstance(daemon, list) else [daemon])]
    return subprocess.run([NETMSGCTL, *controls, *arguments], capture_output=True, text=True, timeout=30, check=False)


def run_netmsgd(*arguments):
    return subprocess.run([NETMSGD, *arguments], capture_output=True, text=True, timeout=30, check=False)


def make_certificate(directory, names):
    """Self-signed; returns the options for it."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=t",
         "-days", "2", "-addext", f"subjectAltName={names}", "-keyout", f"{directory}/key", "-out", f"{directory}/cert"],
        capture_output=True, check=True)
    return [f"--tls-cert={directory}/cert", f"--tls-key={directory}/key", f"--tls-ca={directory}/cert"]


class NetmsgdTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="netmsgd.")
        self.addCleanup(self.temporary.cleanup)
        self.directory = self.temporary.name

    def start(self, *arguments, directory=None, node="here"):
        daemon = Daemon(directory or self.directory, node, *arguments)
        self.addCleanup(lambda: daemon.process.poll() is None and daemon.stop(signal.SIGKILL))
        return daemon

    def serve(self, *arguments, **where):
        return self.start(*arguments, **where).wait_until_it_serves()

    def status(self, daemon):
        return json.loads(ctl(daemon, "--json", "status").stdout)


class StartTest(NetmsgdTest):
    def test_wrong_arguments_start_nothing(self):
        paths = [f"--socket={self.directory}/socket", f"--state={self.directory}/state", "--node=here"]
        for wrong in (["--limit-names=1"], ["--no-such-option"], ["--listen=127.0.0.1:1"], ["--config=/no/such/file"]):
            result = run_netmsgd(*paths, *wrong)
            self.assertEqual(result.returncode, USAGE, wrong)
            self.assertTrue(result.stderr.startswith("netmsgd: "), result.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_what_cannot_be_had_ends_the_start(self):
        os.mkdir(f"{self.directory}/socket")
        daemon = self.start()
        self.assertEqual(daemon.end(), 1)
        self.assertIn("--socket: ", daemon.text())

    def test_a_second_daemon_is_refused_and_the_first_serves_on(self):
        first = self.serve()
        other = os.path.join(self.directory, "other")
        os.mkdir(other)
        for clash, reason in ((f"--state={self.directory}/state", "another netmsgd uses this state directory"),
                              (f"--socket={self.directory}/socket", "--socket: "),
                              (f"--control={self.directory}/control", "--control: ")):
            arguments = {"--state": f"--state={other}/state", "--socket": f"--socket={other}/socket"}
            arguments[clash.partition("=")[0]] = clash
            result = run_netmsgd("--node=other", *arguments.values())
            self.assertEqual(result.returncode, 1, clash)
            self.assertIn(reason, result.stderr)
        self.assertEqual(ctl(first, "status").returncode, OK)

    def test_plaintext_announces_itself_whatever_the_log_level(self):
        daemon = self.serve("--peer=b=127.0.0.1:9", "--insecure-peers", "--log-level=off")
        self.assertIn("insecure_peers", daemon.text())
        self.assertEqual(self.status(daemon)["network"], "NETWORK_PLAINTEXT")

    def test_the_node_id_comes_from_the_certificate(self):
        wanted = "0123456789abcdef0123456789abcdef"
        daemon = self.serve(*make_certificate(self.directory, f"URI:netmsg:node:{wanted},DNS:here"), "--peer=b")
        self.assertEqual(self.status(daemon)["node_id"], wanted)
        self.assertEqual(self.status(daemon)["network"], "NETWORK_TLS")

    def test_a_certificate_without_a_node_id_is_refused(self):
        daemon = self.start(*make_certificate(self.directory, "DNS:here"), "--peer=b")
        self.assertEqual(daemon.end(), 1)
        self.assertIn("--tls-cert: ", daemon.text())


class StopTest(NetmsgdTest):
    def test_sigterm_and_sigint_are_a_clean_end(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.serve()
            self.assertEqual(daemon.stop(number), 0)
            self.assertFalse(os.path.exists(f"{self.directory}/socket"))
            self.assertFalse(os.path.exists(daemon.control))

    def test_it_stops_with_a_peer_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = "127.0.0.1:%d" % silent.getsockname()[1]
            daemon = self.serve("--insecure-peers", f"--peer=b={address}")
            self.assertEqual(daemon.stop(), 0)

    def test_a_new_start_is_a_new_incarnation_of_the_same_node(self):
        first = self.serve()
        before = self.status(first)
        first.stop(signal.SIGKILL)
        after = self.status(self.serve())  # also: stale sockets are replaced
        self.assertEqual(before["node_id"], after["node_id"])
        self.assertGreater(int(after["incarnation"]), int(before["incarnation"]))


class ControlTest(NetmsgdTest):
    def test_every_command_answers_in_words_and_in_json(self):
        daemon = self.serve("--insecure-peers", "--peer=b")
        for command in ("status", "tasks", "ports", "peers", "names", "audit", "settle"):
            self.assertEqual(ctl(daemon, command).returncode, OK, command)
            json.loads(ctl(daemon, "--json", command).stdout)
        task = json.loads(ctl(daemon, "--json", "ports").stdout)["ports"][0]
        for command in ("port", "why"):
            argument = f"{task['task']}:{task['name']}"
            self.assertEqual(ctl(daemon, command, argument).returncode, OK, command)
            json.loads(ctl(daemon, "--json", command, argument).stdout)
        names = json.loads(ctl(daemon, "--json", "names").stdout)["names"]
        self.assertEqual({each["name"] for each in names}, {"NameServer", "NM_ACTIVE", "NMMonitor", "NMControl"})
        self.assertIn("balanced", ctl(daemon, "audit").stdout)

    def test_exit_statuses(self):
        daemon = self.serve()
        task = json.loads(ctl(daemon, "--json", "tasks").stdout)["tasks"][0]["id"]
        self.assertEqual(ctl(daemon, "ports", task).returncode, OK)
        self.assertEqual(ctl(daemon, "ports", "999999").returncode, REFUSED)
        self.assertEqual(ctl(daemon, "ports", "x").returncode, USAGE)
        self.assertEqual(ctl(daemon).returncode, USAGE)
        self.assertEqual(ctl([daemon, daemon], "status").returncode, USAGE)
        self.assertEqual(ctl([daemon, daemon], "settle").returncode, OK)
        self.assertEqual(ctl(daemon, "port", f"{task}:999999").returncode, REFUSED)
        self.assertEqual(ctl(daemon, "why", "0" * 32 + ".1.1").returncode, REFUSED)
        self.assertEqual(ctl(daemon, "why", "no uid").returncode, REFUSED)
        self.assertEqual(ctl(daemon, "port", f"{task}:x").returncode, USAGE)
        self.assertEqual(ctl(daemon, "port").returncode, USAGE)
        daemon.stop()
        self.assertEqual(ctl(daemon, "status").returncode, NO_ANSWER)
        self.assertEqual(ctl(daemon, "settle").returncode, NO_ANSWER)

    def test_garbage_on_its_sockets_hurts_nobody(self):
        seed = random.randrange(2**32)
        print("seed", seed)
        noise = random.Random(seed)
        daemon = self.serve("--log-level=error")
        for _ in range(50):
            for path in ("socket", "control"):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(5)
                    client.connect(f"{self.directory}/{path}")
                    try:
                        client.sendall(noise.randbytes(noise.randrange(1, 4000)))
                    except OSError:
                        pass  # it has hung up already
        self.assertEqual(ctl(daemon, "settle").returncode, OK)
        self.assertEqual(len(json.loads(ctl(daemon, "--json", "tasks").stdout)["tasks"]), 1)
        self.assertEqual(daemon.stop(), 0)

    def test_connections_that_stay_open_do_not_hold_up_the_end(self):
        daemon = self.serve()
        with socket.socket(socket.AF_UNIX) as idle_client, socket.socket(socket.AF_UNIX) as idle_operator:
            idle_client.connect(f"{self.directory}/socket")
            idle_operator.connect(f"{self.directory}/control")
            self.assertEqual(daemon.stop(), 0)


class TwoDaemonsTest(NetmsgdTest):
    """One listens on any port and waits for the other, which only dials."""

    def start_host(self, name, *arguments):
        directory = os.path.join(self.directory, name)
        os.mkdir(directory)
        return self.serve("--insecure-peers", "--log-level=error", *arguments, directory=directory, node=name)

    def wait_for_state(self, daemon, state):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            peer = json.loads(ctl(daemon, "--json", "peers").stdout)["peers"][0]
            if peer["state"] == state:
                return peer
            time.sleep(0.02)
        self.fail(f"never {state}: {peer}")

    def test_they_meet_settle_and_part(self):
        first = self.start_host("first", "--listen=127.0.0.1:0", "--peer=second")
        address = self.status(first)["listen"]
        second = self.start_host("second", f"--peer=first={address}")
        self.assertEqual(self.status(second)["listen"], "")
        self.assertEqual(self.wait_for_state(first, "open")["node"], "second")
        self.assertEqual(self.wait_for_state(second, "open")["node"], "first")
        self.assertEqual(ctl([first, second], "settle").returncode, OK)
        self.assertEqual(ctl(first, "audit").returncode, OK)
        self.assertEqual(second.stop(), 0)
        self.wait_for_state(first, "down")
        self.assertEqual(ctl(first, "settle").returncode, OK)
        self.assertEqual(ctl(first, "audit").returncode, OK)

    def test_what_grpc_says_is_a_line_of_our_log(self):
        first = self.start_host("first", "--listen=127.0.0.1:0", "--peer=second")
        taken = self.status(first)["listen"]
        other = self.start("--insecure-peers", f"--listen={taken}", "--peer=first", node="other")
        self.assertEqual(other.end(), 1)
        self.assertRegex(other.text(), r"warning grpc subject=\w+\.cc:\d+ reason=")
        self.assertEqual([line for line in other.text().splitlines() if ".cc:" in line and " grpc " not in line], [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
