#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public header by itself, twice, and all in reverse order, in C11, C17, C++17 and C++20 (spec 07, case 1).

usage: headers_test.py CC CXX INCLUDE_DIR
"""
import pathlib
import subprocess
import sys

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
STANDARDS = [("c", "c11"), ("c", "c17"), ("c++", "c++17"), ("c++", "c++20")]

# What a stub generator of 2022 makes: it must not compile (spec 07, case 4). The check exists in gcc only.
OLD_STUB = """
#include <mach/message.h>
#pragma pack(push, 4)
typedef struct { mach_msg_header_t Head; mach_msg_type_t RetCodeType; kern_return_t RetCode; } Reply;
#pragma pack(pop)
int main(void) { return sizeof(Reply) == 0; }
"""


def compiles(compiler, language, standard, include, text):
    run = subprocess.run([compiler, "-x", language, "-std=" + standard, "-I", include, *FLAGS, "-"],
                         input=text, text=True, capture_output=True, check=False)
    return run.returncode == 0, run.stderr


def including(headers):
    return "".join(f"#include <{header}>\n" for header in headers) + "int main(void) { return 0; }\n"


def main():
    cc, cxx, include = sys.argv[1:]
    root = pathlib.Path(include)
    headers = sorted(str(path.relative_to(root)) for path in root.rglob("*.h"))
    texts = [including([header, header]) for header in headers] + [including(reversed(headers))]
    failures = []
    for language, standard in STANDARDS:
        compiler = cc if language == "c" else cxx
        for text in texts:
            good, errors = compiles(compiler, language, standard, include, text)
            if not good:
                failures.append(f"{standard}:\n{text}{errors}")
    is_gcc = "clang" not in subprocess.run([cc, "--version"], capture_output=True, text=True, check=True).stdout
    if is_gcc and compiles(cc, "c", "c11", include, OLD_STUB)[0]:
        failures.append("a packed stub of the older form compiles")
    print("\n".join(failures) or f"{len(headers)} headers are well in {len(STANDARDS)} languages")
    return 1 if failures or not headers else 0


sys.exit(main())
