# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and who may link whom: the include table of the architecture, checked by reading.

A file belongs to the first module whose prefix its path starts with. Tests may include anything.
"""

import re

import tree as tidy

# Path prefix -> module. First match wins.
MODULES = (
    ("proto/include/", "abi"),
    ("proto/local/", "local"),
    ("daemon/base/", "base"),
    ("daemon/ipc/", "ipc"),
    ("daemon/session/", "session"),
    ("daemon/names/", "names"),
    ("daemon/ctl/", "ctl"),
    ("daemon/", "daemon"),
    ("proxy/", "proxy"),
    ("client/examples/", "examples"),
    ("client/include/", "face"),
    ("client/", "client"),
)

EVERYTHING = {"abi", "local", "peer_proto", "control_proto", "base", "ipc", "session", "names", "proxy"}

# Module -> the modules it may include, beside itself.
MAY_INCLUDE = {
    "abi": set(),
    "local": {"abi"},
    "base": set(),
    "ipc": {"abi", "base"},
    "session": {"abi", "local", "base", "ipc"},
    "names": {"abi", "local", "base", "ipc"},
    "proxy": {"abi", "peer_proto", "base", "ipc"},
    "client": {"abi", "local"},
    "face": {"abi"},
    "examples": {"abi", "face"},
    "daemon": EVERYTHING,
    "ctl": EVERYTHING,
}

# Examples link the library, and see only its public headers.
MAY_ALSO_LINK = {"examples": {"client"}}

# Generated headers and their modules.
GENERATED = (
    (re.compile(r"^netmsg/v1/peer(\.grpc)?\.pb\.h$"), "peer_proto"),
    (re.compile(r"^netmsg/v1/control(\.grpc)?\.pb\.h$"), "control_proto"),
)

# Libraries of others that stay in the files named: header -> path pattern.
CONFINED = (
    (re.compile(r"^asio(/|\.hpp)"),
     re.compile(r"^(daemon/session/|daemon/(app|control)|proxy/grpc_(poller|transport)|tests/)")),
    (re.compile(r"^grpc(pp)?(/|\.h)"), re.compile(r"^(proxy/grpc_(poller|transport)|daemon/control|daemon/ctl/|tests/)")),
)

# The engine has no I/O, clock or thread: it may use the language's library without these, and nobody else's.
IMPURE = re.compile(r"^(thread|mutex|shared_mutex|condition_variable|future|atomic|random|ctime|iostream|fstream|"
                    r"filesystem|csignal|time\.h|signal\.h|unistd\.h|fcntl\.h|poll\.h|errno\.h|pthread\.h)$")

# Targets that are not made by netmsg_library, and their modules.
TARGETS = {
    "netmsg_abi": "abi",
    "netmsg_local": "local",
    "netmsg_peer_proto": "peer_proto",
    "netmsg_control_proto": "control_proto",
    "netmsg": "client",
    "netmsg_static": "client",
}


def module_of(path):
    return next((module for prefix, module in MODULES if path.startswith(prefix)), None)


def resolve(tree, quoted, name):
    """The module an #include reaches; None for a header of the system or of another library.

    Raises LookupError when a quoted name is no path from the root."""
    for pattern, module in GENERATED:
        if pattern.match(name):
            return module
    if f"proto/include/{name}" in tree.files:
        return "abi"
    if f"client/include/{name}" in tree.files:
        return "face"
    if not quoted:
        return None
    if name not in tree.files:
        raise LookupError(name)
    return module_of(name)


def include_findings(tree):
    for path in tree.code():
        module = module_of(path)
        for number, quoted, name in tidy.includes(tree, path):
            where = f"{path}:{number}"
            try:
                target = resolve(tree, quoted, name)
            except LookupError:
                yield f'{where}: "{name}" is no path from the root (angle brackets are for other libraries)'
                continue
            if module and target and target != module and target not in MAY_INCLUDE[module]:
                yield f"{where}: {module} may not include {target} ({name})"
            if module and quoted and target is None:
                yield f"{where}: {module} may not include {name}, which is in no module"
            if module == "ipc" and not quoted and impure(target, name):
                yield f"{where}: the engine has no I/O, clock, thread or foreign library ({name})"


def impure(target, name):
    return target is None and ("/" in name or IMPURE.match(name) is not None)


def confined_findings(tree):
    for path in tree.code():
        for number, _, name in tidy.includes(tree, path):
            for header, allowed in CONFINED:
                if header.match(name) and not allowed.match(path):
                    yield f"{path}:{number}: <{name}> is confined to {allowed.pattern}"


LIBRARY = re.compile(r"netmsg_library\(\s*(\w+)\s+([^)]*)\)", re.S)
LINK = re.compile(r"target_link_libraries\(\s*([^\s)]+)\s+([^)]*)\)", re.S)


def links(tree):
    """Yields (CMakeLists path, module, target, dependency) for each link edge said in a module's build file."""
    for path in tree.named("CMakeLists.txt"):
        module, text = module_of(path), tree.text(path)
        if module is None:
            continue
        edges = [(name, arguments.partition("DEPS")[2]) for name, arguments in LIBRARY.findall(text)]
        for name, arguments in edges + LINK.findall(text):
            for dependency in arguments.split():
                yield path, module, name, dependency


def library_modules(tree):
    """Library -> the module whose build file makes it."""
    made = {name: module_of(path) for path in tree.named("CMakeLists.txt")
            for name, _ in LIBRARY.findall(tree.text(path))}
    return {**TARGETS, **made}


def link_findings(tree):
    known = library_modules(tree)
    for path, module, name, dependency in links(tree):
        target = known.get(dependency, module)
        allowed = {module} | MAY_INCLUDE[module] | MAY_ALSO_LINK.get(module, set())
        if target not in allowed:
            yield f"{path}: {name} ({module}) may not link {dependency} ({target})"


if __name__ == "__main__":
    tidy.main(include_findings, confined_findings, link_findings)
