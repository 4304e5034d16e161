# SPDX-License-Identifier: Apache-2.0
"""Installs into a folder of its own, which is then moved elsewhere, and builds a program outside of the tree with what is
there: by pkg-config and by find_package, in C and in C++, with the shared and the static library. Each one runs against the
installed daemon.

usage: install_test.py CMAKE BUILD_DIR CC CXX [unittest arguments]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, CC, CXX = (sys.argv.pop(1) for _ in range(4))
PROJECT = pathlib.Path(__file__).resolve().parent / "project"
RECEIVED = "received 42, a page is 4096, one name\n"
COMPILERS = {"C": [CC, "-std=gnu11", "-x", "c"], "CXX": [CXX, "-std=c++20", "-x", "c++"]}
# In the manner of programs that were written for the first Mach 3.0.
OLD_PROGRAM = """
#include <mach.h>
#include <mach/msg_type.h>
#include <mach_error.h>
#include <mach/message.h>
#include <servers/netname.h>
#include <stdio.h>
#include <strings.h>

static void receive();

quit(what, kr)
        char *what;
        kern_return_t kr;
{
        mach_error(what, kr);
        exit(1);
}

main(argc, argv)
        int argc;
        char *argv[];
{
        mach_msg_header_t msg;
        mach_port_t port;
        vm_offset_t page;
        kern_return_t kr;

        netname_wait_for_server();
        kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
        if (kr != KERN_SUCCESS)
                quit("mach_port_allocate", kr);
        kr = vm_allocate(mach_task_self(), &page, round_page(1), TRUE);
        if (kr != KERN_SUCCESS || trunc_page(page) != page)
                quit("vm_allocate", kr);
        bzero((char *) page, vm_page_size);

        msg.msgh_kind = MSG_TYPE_RPC;
        msg.msgh_id = 42;
        msg.msgh_local_port = MACH_PORT_NULL;
        msg.msgh_remote_port = port;
        msg.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, 0);
        kr = mach_msg(&msg, MACH_SEND_MSG, sizeof msg, 0, MACH_PORT_NULL, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
        if (kr != MACH_MSG_SUCCESS)
                quit("mach_msg", kr);
        receive(port);
        exit(0);
}

static void
receive(port)
        mach_port_t port;
{
        mach_msg_header_t msg;
        kern_return_t kr;

        kr = mach_msg(&msg, MACH_RCV_MSG, 0, sizeof msg, port, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);
        if (kr != MACH_MSG_SUCCESS)
                quit("mach_msg", kr);
        printf("received %d\\n", msg.msgh_id);
}
"""
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False,
                            **options)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def install(prefix, *options):
    run(CMAKE, "--install", BUILD, "--prefix", prefix, *options)


def files_of(prefix):
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        install(cls.folder / "first")
        cls.prefix = (cls.folder / "first").rename(cls.folder / "moved")
        cls.libraries = next(cls.prefix.rglob("libnetmsg.so")).parent
        cls.socket = cls.folder / "socket"
        log = cls.enterClassContext(open(cls.folder / "log", "wb"))
        cls.daemon = subprocess.Popen(
            [cls.prefix / "bin/netmsgd", f"--socket={cls.socket}", f"--control={cls.folder}/control",
             f"--state={cls.folder}/state", "--node=here"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(cls.end_daemon)

    @classmethod
    def end_daemon(cls):
        cls.daemon.terminate()
        cls.daemon.wait(30)

    def pkg_config(self, *options):
        environment = os.environ | {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        return run("pkg-config", *options, "netmsg", env=environment).split()

    def expect_runs(self, program, expected=RECEIVED):
        environment = os.environ | {"NETMSGD_SOCKET": str(self.socket), "LD_LIBRARY_PATH": str(self.libraries)}
        self.assertIsNone(self.daemon.poll(), (self.folder / "log").read_text(errors="replace"))
        self.assertEqual(run(program, env=environment), expected)

    def expect_needs(self, program, needs_library):
        self.assertEqual("[libnetmsg.so.0]" in run("readelf", "-d", program), needs_library)

    def test_pkg_config_with_the_shared_library(self):
        for language, compiler in COMPILERS.items():
            with self.subTest(language):
                program = self.folder / f"shared_{language}"
                run(*compiler, *WARNINGS, PROJECT / "program.c", "-o", program, *self.pkg_config("--cflags"), "-x", "none",
                    *self.pkg_config("--libs"))
                self.expect_needs(program, True)
                self.expect_runs(program)

    def test_pkg_config_with_a_program_that_is_static_altogether(self):
        for language, compiler in COMPILERS.items():
            with self.subTest(language):
                program = self.folder / f"static_{language}"
                run(*compiler, *WARNINGS, "-static", PROJECT / "program.c", "-o", program,
                    *self.pkg_config("--cflags"), "-x", "none", *self.pkg_config("--static", "--libs"))
                self.expect_needs(program, False)
                self.expect_runs(program)

    def test_a_program_of_old_is_built_unchanged(self):
        source, program = self.folder / "old.c", self.folder / "old"
        source.write_text(OLD_PROGRAM)
        run(CC, "-std=gnu89", "-w", source, "-o", program, *self.pkg_config("--cflags", "--libs"))
        self.expect_runs(program, "received 42\n")

    def test_find_package(self):
        for language in COMPILERS:
            for library, shared in (("netmsg::netmsg", True), ("netmsg::netmsg_static", False)):
                with self.subTest(language=language, library=library):
                    build = self.folder / f"build_{language}_{shared}"
                    compilers = [f"-DCMAKE_C_COMPILER={CC}"] if language == "C" else [f"-DCMAKE_CXX_COMPILER={CXX}"]
                    run(CMAKE, "-S", PROJECT, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DLANGUAGE={language}",
                        f"-DLIBRARY={library}", f"-DCMAKE_{language}_FLAGS={' '.join(WARNINGS)}", *compilers)
                    run(CMAKE, "--build", build)
                    self.expect_needs(build / "program", shared)
                    self.expect_runs(build / "program")

    def test_find_package_refuses_another_generation(self):
        project = self.folder / "refused"
        shutil.copytree(PROJECT, project)
        lists = project / "CMakeLists.txt"
        lists.write_text(lists.read_text().replace("netmsg 0.1", "netmsg 0.2"))
        with self.assertRaisesRegex(AssertionError, "requested version"):
            run(CMAKE, "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DLANGUAGE=C",
                "-DLIBRARY=netmsg::netmsg", f"-DCMAKE_C_COMPILER={CC}")

    def test_no_header_stands_where_compilers_look_by_themselves(self):
        self.assertEqual([path.name for path in (self.prefix / "include").iterdir()], ["netmsg"])

    def test_no_header_has_the_name_of_one_of_the_system(self):
        headers = self.prefix / "include/netmsg"
        own = {str(path.relative_to(headers)) for path in headers.rglob("*.h")}
        self.assertIn("mach/error.h", own)
        searched = self.system_folders()
        self.assertEqual({header for header in own for folder in searched if (folder / header).exists()}, set())

    @staticmethod
    def system_folders():
        told = subprocess.run([CC, "-xc", "-E", "-v", os.devnull], capture_output=True, text=True, check=True).stderr
        searched = told.split("search starts here:")[-1].split("End of search list")[0].split()
        return [pathlib.Path(folder) for folder in searched]

    def test_the_parts_can_be_installed_one_by_one(self):
        install(self.folder / "runtime", "--component", "runtime")
        install(self.folder / "development", "--component", "development")
        runtime, development = files_of(self.folder / "runtime"), files_of(self.folder / "development")
        self.assertEqual(runtime | development, files_of(self.prefix))
        self.assertEqual(runtime & development, set())
        self.assertEqual({pathlib.Path(path).name for path in runtime},
                         {"netmsgd", "netmsgctl", "libnetmsg.so.0", "libnetmsg.so.0.1.0"})

    def test_interface_definitions_stand_beside_the_headers(self):
        installed = files_of(self.prefix / "include/netmsg")
        for name in ("mach/std_types", "mach/mach_types", "mach/mach_port", "mach/mach", "mach/notify", "servers/netname"):
            self.assertIn(f"{name}.defs", installed)

    def test_nothing_of_the_inside_is_installed(self):
        self.assertEqual({path for path in files_of(self.prefix) if path.endswith(".a")},
                         {str((self.libraries / "libnetmsg.a").relative_to(self.prefix))})
        for path in self.prefix.rglob("*.h*"):
            self.assertNotRegex(path.read_text(encoding="utf-8"), r'#include "', str(path))


if __name__ == "__main__":
    unittest.main()
