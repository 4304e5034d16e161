# SPDX-License-Identifier: Apache-2.0
"""Shows that every check of this folder can fail: each is run on a small clean tree, where it must pass, and on the same
tree with one violation planted, where it must fail and say which.

usage: self_test.py [planted|clang_tidy]   (default: planted, all checks but clang-tidy)
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import cases

HERE = pathlib.Path(__file__).resolve().parent
HEAD = "// SPDX-License-Identifier: Apache-2.0\n"
MARK = "TO" + "DO"



def shown(name, text):
    return f"<!-- file: client/examples/{name}.c -->\n```c\n{HEAD}{text}\n```\n"


README = "Run deploy/make.sh first.\n" + shown("a", "int a;") + shown("b", "int b;")



def table(**rows):
    """A table of cases without tests, each with a reason; `rows` says others for some numbers (A5=...)."""
    usual = {number: f"| {number} | what | | later |\n" for number in cases.expected()}
    return "".join((usual | rows).values())


CLEAN = {
    "CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\nadd_subdirectory(daemon)\n",
    "daemon/base/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\nnetmsg_library(netmsg_base SOURCES log.cc)\n",
    "daemon/base/log.h": HEAD + "#pragma once\nint log_level();\n",
    "daemon/base/log.cc": HEAD + '#include "daemon/base/log.h"\n\nint log_level() {\n  return 1;\n}\n',
    "daemon/ipc/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
                                 "netmsg_library(netmsg_ipc SOURCES port.cc DEPS netmsg_abi netmsg_base)\n",
    "daemon/ipc/port.cc": HEAD + '#include <mach/port.h>\n\n#include <vector>\n\n#include "daemon/base/log.h"\n',
    "daemon/session/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
                                     "netmsg_library(netmsg_session SOURCES session.cc DEPS netmsg_ipc netmsg_asio)\n",
    "daemon/session/session.cc": HEAD + "#include <asio.hpp>\n",
    "proto/include/mach/port.h": HEAD + "#pragma once\n",
    "deploy/make.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n",
    "client/examples/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\nadd_executable(a a.c)\nadd_executable(b b.c)\n",
    "client/examples/a.c": HEAD + "int a;\n",
    "client/examples/b.c": HEAD + "int b;\n",
    "README.md": README,
    "tests/cases.md": table(),
}

# (check, what it must say, the files that are planted)
PLANTED = (
    ("layering", "base may not include ipc", {
        "daemon/ipc/port.h": HEAD, "daemon/base/log.cc": HEAD + '#include "daemon/ipc/port.h"\n'}),
    ("layering", "ipc may not include session", {
        "daemon/session/lane.h": HEAD, "daemon/ipc/port.cc": HEAD + '#include "daemon/session/lane.h"\n'}),
    ("layering", "client may not include base", {"client/src/lane.cc": HEAD + '#include "daemon/base/log.h"\n'}),
    ("layering", "examples may not include client", {
        "client/src/lane.h": HEAD, "client/examples/a.c": HEAD + '#include "client/src/lane.h"\n'}),
    ("layering", "ipc may not include peer_proto", {
        "daemon/ipc/port.cc": HEAD + '#include "netmsg/v1/peer.pb.h"\n'}),
    ("layering", "proxy may not include control_proto", {
        "proxy/peer.cc": HEAD + '#include "netmsg/v1/control.grpc.pb.h"\n'}),
    ("layering", "is no path from the root", {"daemon/base/log.cc": HEAD + '#include "log.h"\n'}),
    ("layering", "which is in no module", {"misc.h": HEAD, "daemon/base/log.cc": HEAD + '#include "misc.h"\n'}),
    ("layering", "is confined to", {"proxy/peer.cc": HEAD + "#include <asio.hpp>\n"}),
    ("layering", "is confined to", {"proxy/peer.cc": HEAD + "#include <grpcpp/grpcpp.h>\n"}),
    ("layering", "the engine has no I/O", {"daemon/ipc/port.cc": HEAD + "#include <thread>\n"}),
    ("layering", "the engine has no I/O", {"daemon/ipc/port.cc": HEAD + "#include <spdlog/spdlog.h>\n"}),
    ("layering", "may not link netmsg_session", {
        "daemon/ipc/CMakeLists.txt": "netmsg_library(netmsg_ipc SOURCES port.cc DEPS netmsg_session)\n"}),
    ("layering", "may not link netmsg_base", {
        "client/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
                                 "target_link_libraries(${library} PRIVATE netmsg_abi netmsg_base)\n"}),
    ("dead_files", "no CMakeLists.txt builds it", {"daemon/base/lost.cc": HEAD}),
    ("dead_files", "no CMakeLists.txt builds it", {"proto/netmsg/v1/lost.proto": HEAD}),
    ("dead_files", "included by nothing", {"daemon/base/lost.h": HEAD}),
    ("dead_files", "mentioned by nothing", {"deploy/lost.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"}),
    ("text", "the first line must say", {"daemon/base/log.h": "int log_level();\n"}),
    ("text", "the first line must say", {"deploy/make.sh": "#!/bin/sh\n"}),
    ("text", "a path of a development machine", {"README.md": README + "see /hom" + "e/somebody/notes\n"}),
    ("text", "a marker of unfinished work", {"daemon/base/log.h": HEAD + f"// {MARK}: later\n"}),
    ("text", "white space at the end", {"README.md": "Run deploy/make.sh. \n"}),
    ("text", "left over from a merge", {"README.md": "<" * 7 + " ours\n"}),
    ("text", "never blocks its owner thread", {
        "daemon/base/log.cc": HEAD + "void f() { std::this_thread::sleep_for(kLong); }\n"}),
    ("text", "never ends its program", {"client/src/lane.cc": HEAD + "void f() { abort(); }\n"}),
    ("text", "secure_getenv", {"client/src/lane.cc": HEAD + 'auto v = getenv("X");\n'}),
    ("text", "unbounded or unsafe", {"proxy/peer.cc": HEAD + "void f(char* d) { strcpy(d, s); }\n"}),
    ("text", "opens a namespace", {"daemon/base/log.h": HEAD + "using namespace std;\n"}),
    ("text", "it is not kept here", {"proxy/peer.pb.h": HEAD}),
    ("readme", "is not the text of", {"client/examples/a.c": HEAD + "long a;\n"}),
    ("readme", "does not exist", {"README.md": README + shown("c", "int c;")}),
    ("readme", "shows no server and client", {"README.md": "nothing\n"}),
    ("shell", "SC2086", {"deploy/make.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho $1\n"}),
    ("cases", "A5 is there 0 times", {"tests/cases.md": table(A5="")}),
    ("cases", "A5 is there 2 times", {"tests/cases.md": table() + "| A5 | what | | later |\n"}),
    ("cases", "A38 is no entry", {"tests/cases.md": table() + "| A38 | what | | later |\n"}),
    ("cases", "neither a test nor the reason", {"tests/cases.md": table(A5="| A5 | what | | |\n")}),
    ("cases", "A5 is carried by no test", {"tests/cases.md": table(A5="| A5 | what | Gone.Test | |\n")}),
    ("cases", "A5 is carried by A5Client.Works", {"tests/a_test.cc": HEAD + "TEST(A5Client, Works) {\n}\n"}),
    ("cases", "A16 is carried by S.Works", {"tests/a_test.cc": HEAD + "// 04.6, A16: why\nTEST(S, Works) {\n}\n"}),
    ("format", "clang-format -i would change", {"daemon/base/log.cc": HEAD + "int   log_level( ){return 1;}\n"}),
)


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def run(check, *arguments):
    return subprocess.run([sys.executable, "-B", HERE / f"{check}.py", *arguments], capture_output=True, text=True)


def planted(check, expected, files):
    """Returns why the check did not find the planted violation, or an empty string."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        style = HERE.parents[1] / ".clang-format"
        write(root, {**CLEAN, ".clang-format": style.read_text(encoding="utf-8")})
        clean = run(check, root)
        if clean.returncode != 0:
            return f"{check} fails on the clean tree: {clean.stdout}{clean.stderr}"
        write(root, files)
        dirty = run(check, root)
        if dirty.returncode != 1 or expected not in dirty.stdout:
            return f"{check} did not say '{expected}' about {list(files)}: {dirty.stdout}{dirty.stderr}"
    return ""


BAD = HEAD + "#include <string>\nint f(std::string s) {\n  if (s.size() == 0) return 1;\n  return 0;\n}\n"
GOOD = HEAD + "#include <string>\nint f(const std::string& s) {\n  if (s.empty()) return 1;\n  return 0;\n}\n"


def clang_tidy():
    """A bad source fails; the same source mended passes; the second run of it is answered from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        source = root / "daemon/base/log.cc"
        entry = {"directory": folder, "file": str(source), "command": f"c++ -std=c++20 -c {source}"}
        write(root, {".clang-tidy": (HERE.parents[1] / ".clang-tidy").read_text(encoding="utf-8"),
                     "build/compile_commands.json": json.dumps([entry])})
        write(root, {"daemon/base/log.cc": BAD})
        bad = run("clang_tidy", root, root / "build")
        write(root, {"daemon/base/log.cc": GOOD})
        good, again = (run("clang_tidy", root, root / "build") for _ in range(2))
    checks = ((bad.returncode == 1 and "performance-unnecessary-value-param" in bad.stdout, "the bad source", bad),
              (good.returncode == 0, "the mended source", good),
              (again.returncode == 0 and "1 unchanged" in again.stdout, "the second run", again))
    return [f"{what}: {said.stdout}{said.stderr}" for passed, what, said in checks if not passed]


def main():
    if sys.argv[1:] == ["clang_tidy"]:
        failures, count = clang_tidy(), 3
    else:
        failures, count = [why for why in (planted(*case) for case in PLANTED) if why], len(PLANTED)
    for failure in failures:
        print(failure)
    print(f"{count} cases, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
