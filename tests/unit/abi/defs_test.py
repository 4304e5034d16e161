# SPDX-License-Identifier: Apache-2.0
"""The interface definitions (spec 07 section 7), read by a real stub generator: it must understand each without a word, number the
calls as spec 05 section 8, 06 section 1 and 08 section 3 do, and declare the functions that the headers declare. Its output is of
the older form and is not compiled, but for its prototypes.

usage: defs_test.py MIG CC INCLUDE_DIR [unittest arguments]
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

MIG, CC, INCLUDE = sys.argv.pop(1), sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))

PORT_CALLS = dict(zip(
    [*range(3200, 3209), *range(3210, 3219), *range(3221, 3224)],
    "names type rename allocate_name allocate destroy deallocate get_refs mod_refs set_qlimit set_mscount get_set_status"
    " move_member request_notification insert_right extract_right get_receive_status set_seqno set_protected_payload"
    " clear_protected_payload set_ktype".split()))
IDS = {
    "mach/mach_port.defs": {number: f"mach_port_{name}" for number, name in PORT_CALLS.items()},
    "mach/mach.defs": {
        2021: "vm_allocate", 2023: "vm_deallocate", 2024: "vm_protect", 2025: "vm_inherit", 2026: "vm_read",
        2027: "vm_write", 2028: "vm_copy", 2029: "vm_region", 2030: "vm_statistics", 2033: "mach_ports_register",
        2034: "mach_ports_lookup", 2058: "task_get_special_port", 2059: "task_set_special_port", 2089: "vm_map"},
    "mach/notify.defs": {
        65: "mach_notify_port_deleted", 66: "mach_notify_msg_accepted", 69: "mach_notify_port_destroyed",
        70: "mach_notify_no_senders", 71: "mach_notify_send_once", 72: "mach_notify_dead_name"},
    "servers/netname.defs": {
        1040: "netname_check_in", 1041: "netname_look_up", 1042: "netname_check_out", 1043: "netname_version"},
}
ONE_WAY = {"mach/notify.defs"}  # nothing is answered

# Each type as the generator tells it: what travels, and how many bits of it.
TYPES = {
    "mach/machine/machine_types.defs": {
        "int8_t": ("INTEGER_8", 8), "uint16_t": ("INTEGER_16", 16), "int32_t": ("INTEGER_32", 32),
        "uint32_t": ("INTEGER_32", 32), "int64_t": ("INTEGER_64", 64), "uint64_t": ("INTEGER_64", 64),
        "unsigned": ("INTEGER_32", 32), "natural_t": ("INTEGER_32", 32), "integer_t": ("INTEGER_32", 32),
        "long_natural_t": ("INTEGER_64", 64), "long_integer_t": ("INTEGER_64", 64), "vm_offset_t": ("INTEGER_64", 64),
        "vm_address_t": ("INTEGER_64", 64), "vm_size_t": ("INTEGER_64", 64), "rpc_uintptr_t": ("INTEGER_64", 64)},
    "mach/std_types.defs": {
        "boolean_t": ("BOOLEAN", 32), "kern_return_t": ("INTEGER_32", 32), "mach_port_name_t": ("PORT_NAME", 32),
        "mach_port_type_t": ("INTEGER_32", 32), "mach_port_delta_t": ("INTEGER_32", 32), "mach_msg_id_t": ("INTEGER_32", 32),
        "mach_port_move_receive_t": ("MOVE_RECEIVE|MACH_MSG_TYPE_PORT_RECEIVE", 32),
        "mach_port_make_send_t": ("MAKE_SEND|MACH_MSG_TYPE_PORT_SEND", 32),
        "mach_port_make_send_once_t": ("MAKE_SEND_ONCE|MACH_MSG_TYPE_PORT_SEND_ONCE", 32),
        "mach_port_t": ("COPY_SEND|MACH_MSG_TYPE_PORT_SEND", 32)},
    "mach/mach_types.defs": {
        "task_t": ("COPY_SEND|MACH_MSG_TYPE_PORT_SEND", 32), "host_priv_t": ("COPY_SEND|MACH_MSG_TYPE_PORT_SEND", 32),
        "vm_prot_t": ("INTEGER_32", 32), "vm_inherit_t": ("INTEGER_32", 32)},
    "servers/netname.defs": {"netname_name_t": ("STRING", 640)},
}

# Generated prototypes of the older form lack `const`.
OTHERWISE = ["mach_ports_register"]


def generate(folder, source, *options):
    """What the generator says about a definition; its files are written into the folder."""
    run = subprocess.run(
        [MIG, *options, f"-I{INCLUDE}", "-v", "-list", "ids", "-header", "made.h", "-user", "user.c", "-server", "server.c",
         source], cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode != 0 or run.stderr:
        raise AssertionError(f"{source}: {run.returncode}\n{run.stderr}")
    return run.stdout


class Definitions(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def including(self, *names):
        """A definition of nothing but what these files say."""
        source = self.folder / "outer.defs"
        source.write_text("subsystem outer 1000;\n" + "".join(f"#include <{name}>\n" for name in names))
        return source

    def complaints(self, program):
        command = [CC, "-xc", "-std=gnu11", "-Wall", "-Werror", f"-I{INCLUDE}", f"-iquote{self.folder}", "-fsyntax-only", "-"]
        return subprocess.run(command, input=program, capture_output=True, text=True, check=False).stderr

    def test_every_call_has_its_id(self):
        for name, ids in IDS.items():
            with self.subTest(name):
                generate(self.folder, INCLUDE / name)
                rows = [line.split() for line in (self.folder / "ids").read_text().splitlines()]
                self.assertEqual({int(row[4]): row[2] for row in rows}, ids)
                replies = {0} if name in ONE_WAY else {number + 100 for number in ids}
                self.assertEqual({int(row[5]) for row in rows}, replies)

    def test_every_type_is_what_travels(self):
        for name, types in TYPES.items():
            source = INCLUDE / name if name in IDS else self.including(name)
            told = dict(re.findall(r"^Type (\w+) = (.*)$", generate(self.folder, source), re.MULTILINE))
            for type_name, (kind, bits) in types.items():
                with self.subTest(type_name):
                    self.assertRegex(told[type_name], rf"^\(MACH_MSG_TYPE_{re.escape(kind)},? {bits}\b")

    def test_the_prototypes_are_those_of_the_headers(self):
        for name, header in (("mach/mach_port.defs", "mach/mach_port.h"), ("mach/mach.defs", "mach/mach_interface.h")):
            with self.subTest(name):
                generate(self.folder, INCLUDE / name)
                for call in IDS[name].values():
                    self.assertRegex((self.folder / "made.h").read_text(), rf"\b{call}\b")
                renames = "".join(f"#define {call} generated_{call}\n" for call in OTHERWISE)
                program = f'#include <{header}>\n{renames}#include "made.h"\n'
                self.assertEqual(self.complaints(program), "")

    def test_every_type_has_its_c_type_and_arrays_a_constant_one(self):
        told = generate(self.folder, self.including(*[name for name in TYPES if "types" in name]))
        uses = [f"extern {name} one_{name};" for name in re.findall(r"^Type (\w+) = .*\n(?!\tCUserType)", told, re.MULTILINE)]
        arrays = re.findall(r"^Type (\w+) = (?:\^ )?array .*\n(?!\tCUserType)", told, re.MULTILINE)
        self.assertIn("vm_size_t one_vm_size_t", " ".join(uses))
        self.assertLessEqual({"mach_port_array_t", "task_array_t", "thread_state_t"}, set(arrays))
        uses += [f"extern const_{name} const_one_{name};" for name in [*arrays, "netname_name_t", "kernel_version_t"]]
        program = "#include <mach/mach_types.h>\n#include <mach/message.h>\n#include <servers/netname_defs.h>\n" + "\n".join(uses)
        self.assertEqual(self.complaints(program), "")

    def test_a_server_of_notifications_may_ask_for_their_sequence_numbers(self):
        generate(self.folder, INCLUDE / "mach/notify.defs", "-DSEQNOS")
        made = (self.folder / "server.c").read_text()
        self.assertRegex(made, r"\bseqnos_notify_server\b")
        for call in IDS["mach/notify.defs"].values():
            self.assertRegex(made, rf"\bdo_seqnos_{call}\s*\(mach_port_t notify, mach_port_seqno_t seqno\b")

    def test_they_may_be_included_in_any_order_and_twice(self):
        names = [name for name in TYPES if "types" in name]
        generate(self.folder, self.including(*names, *names))
        generate(self.folder, self.including(*reversed(names)))

    def test_they_do_not_ask_for_the_machine(self):
        for name in (str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.defs")):
            source = INCLUDE / name if name in IDS else self.including(name)
            self.assertEqual(generate(self.folder, source), generate(self.folder, source, "-D__x86_64__"), name)

    def test_all_of_them_are_looked_at_here(self):
        self.assertEqual({str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.defs")}, set(IDS) | set(TYPES))


if __name__ == "__main__":
    unittest.main()
