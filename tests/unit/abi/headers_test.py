#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public header by itself, twice, and all in reverse order, in C11, C17, C++17 and C++20, strict and with GNU
extensions (spec 07, case 1), and in the C of old programs; and each provides what it has to (header_names.py).

usage: headers_test.py CC CXX INCLUDE_DIR
"""
import pathlib
import subprocess
import sys

import header_names

FLAGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wredundant-decls", "-Werror", "-fsyntax-only"]
STANDARDS = [("c", "c11"), ("c", "c17"), ("c", "gnu11"), ("c", "gnu89"), ("c++", "c++17"), ("c++", "c++20"), ("c++", "gnu++20")]
MAIN = "int main(void) { return 0; }\n"
SLOTS = """
#include <mach.h>
#define MACH_INIT_SLOTS
#include <mach_init.h>
int slots[NAME_SERVER_SLOT == 0 && ENVIRONMENT_SLOT == 1 && SERVICE_SLOT == 2 && MACH_PORTS_SLOTS_USED == 3 ? 1 : -1];
"""
NO_BOOLEAN = """
#define NOBOOL
#include <mach/boolean.h>
enum { FALSE, TRUE };
boolean_t value = TRUE;
"""

# What a stub generator of 2022 makes: it must not compile (spec 07, case 4). The check exists in gcc only.
OLD_STUB = """
#include <mach/message.h>
#pragma pack(push, 4)
typedef struct { mach_msg_header_t Head; mach_msg_type_t RetCodeType; kern_return_t RetCode; } Reply;
#pragma pack(pop)
int main(void) { return sizeof(Reply) == 0; }
"""


def pedantry(standard):
    """Old programs want an old language, and are no sticklers for it."""
    return [] if standard == "gnu89" else ["-Wpedantic"]


def compiles(compiler, language, standard, include, text, how="-I"):
    run = subprocess.run([compiler, "-x", language, "-std=" + standard, how, include, *FLAGS,
                          *pedantry(standard), "-"],
                         input=text, text=True, capture_output=True, check=False)
    return run.returncode == 0, run.stderr


def including(headers):
    return "".join(f"#include <{header}>\n" for header in headers)


def checks(language, header):
    """That what the header provides is there, as text of a program."""
    word = "_Static_assert" if language == "c" else "static_assert"
    lines = [f'{word}({fact}, "{fact}");' for fact in header_names.PROVIDES[header]]
    lines += [f"#ifndef {name}\n#error {name}\n#endif" for name in header_names.DEFINES.get(header, [])]
    return "\n".join(lines) + "\n"


def texts(language, headers):
    yield including(reversed(headers)) + MAIN
    yield SLOTS
    yield NO_BOOLEAN
    for header in headers:
        yield including([header, header]) + (checks(language, header) if header in header_names.PROVIDES else "") + MAIN


def main():
    cc, cxx, include = sys.argv[1:]
    root = pathlib.Path(include)
    headers = sorted(str(path.relative_to(root)) for path in root.rglob("*.h"))
    failures = [f"there is no {header}" for header in header_names.PROVIDES if header not in headers]
    for language, standard in STANDARDS:
        compiler = cc if language == "c" else cxx
        for text in texts(language, headers):
            good, errors = compiles(compiler, language, standard, include, text)
            if not good:
                failures.append(f"{standard}:\n{text}{errors}")
    is_gcc = "clang" not in subprocess.run([cc, "--version"], capture_output=True, text=True, check=True).stdout
    for how in ("-I", "-isystem"):  # find_package gives the second
        if is_gcc and compiles(cc, "c", "c11", include, OLD_STUB, how)[0]:
            failures.append(f"a packed stub of the older form compiles with {how}")
    print("\n".join(failures) or f"{len(headers)} headers are well in {len(STANDARDS)} languages")
    return 1 if failures or not headers else 0


sys.exit(main())
