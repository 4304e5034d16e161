# SPDX-License-Identifier: Apache-2.0
"""Each header of the C++ face by itself and twice, in C++17, and all in C++20; without exceptions and run-time types.

usage: cpp_headers_test.py CXX C_HEADERS CPP_HEADERS
"""
import pathlib
import subprocess
import sys

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fno-exceptions", "-fno-rtti",
         "-fsyntax-only", "-x", "c++"]


def main():
    cxx, c_headers, cpp_headers = sys.argv[1:]
    root = pathlib.Path(cpp_headers)
    headers = sorted(str(path.relative_to(root)) for path in root.rglob("*.hpp"))
    failures = []
    for standard, header in [("c++17", header) for header in headers] + [("c++20", "netmsg.hpp")]:
        run = subprocess.run([cxx, f"-std={standard}", *FLAGS, "-I", c_headers, "-I", cpp_headers, "-"],
                             input=f"#include <{header}>\n" * 2, text=True, capture_output=True, check=False)
        if run.returncode != 0:
            failures.append(f"{header} in {standard}:\n{run.stderr}")
    print("\n".join(failures) or f"{len(headers)} headers are well")
    return 1 if failures or "netmsg.hpp" not in headers else 0


sys.exit(main())
